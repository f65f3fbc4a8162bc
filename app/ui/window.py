"""The main window: the navigation on the left, one page at a time, and what concerns all pages.

A page is one line in `PAGES`: its widget is made from `Services` when it is first shown. What a page asks of
another is one line in `ROUTES`: pages only emit signals, the window carries them over.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QCoreApplication, QSize, Qt
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QFontMetrics,
)
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.core.errors import EnvironmentFault
from app.ui import bugs, icons, parts, theme
from app.ui.actions import Action, action_entries, add_action, chat_entries
from app.ui.download_corner import DownloadCorner
from app.ui.download_wishes import QueueEntry
from app.ui.drop import DropVeil, dropped_models
from app.ui.key_table import Deed, Place
from app.ui.notice import NoticeArea
from app.ui.notifications import Notifier
from app.ui.services import Services
from app.ui.zoom import Zoom

if TYPE_CHECKING:  # made when they are first opened
    from app.ui.palette import Entry, Palette
    from app.ui.shortcuts import ShortcutsPanel


def _tr(text: str) -> str:
    return QCoreApplication.translate("MainWindow", text)


def _discover(services: Services) -> QWidget:
    from app.ui.pages.discover import DiscoverPage

    return DiscoverPage(services)


def _library(services: Services) -> QWidget:
    from app.ui.pages.library import LibraryPage

    return LibraryPage(services)


def _chat(services: Services) -> QWidget:
    from app.ui.pages.chat import ChatPage

    return ChatPage(services)


def _compare(services: Services) -> QWidget:
    from app.ui.pages.compare import ComparePage

    return ComparePage(services)


def _settings(services: Services) -> QWidget:
    from app.ui.pages.settings import SettingsPage

    return SettingsPage(services)


@dataclass(frozen=True)
class PageSpec:
    """A page: `title` gives its translated name; `build` imports and makes it, late for a fast start. The window
    opens on the one `at_start`, or else on the first."""

    key: str
    title: Callable[[], str]
    glyph: str
    build: Callable[[Services], QWidget]
    at_bottom: bool = False
    at_start: bool = False


@dataclass(frozen=True)
class Route:
    """When the page `source` emits `signal`, the page `target` is shown and its `method` called with it."""

    source: str
    signal: str
    target: str
    method: str


PAGES: tuple[PageSpec, ...] = (
    PageSpec("discover", lambda: _tr("Discover"), "compass", _discover),
    PageSpec("library", lambda: _tr("Library"), "stack", _library, at_start=True),
    PageSpec("chat", lambda: _tr("Chat"), "chat-circle", _chat),
    PageSpec("compare", lambda: _tr("Compare"), "scales", _compare),
    PageSpec("settings", lambda: _tr("Settings"), "gear-six", _settings, at_bottom=True),
)

ROUTES: tuple[Route, ...] = (
    Route("discover", "chat_requested", "chat", "open_model"),
    Route("discover", "settings_requested", "settings", "show_hub"),
    Route("discover", "downloads_requested", "library", "show_downloads"),
    Route("library", "chat_requested", "chat", "open_model"),
    Route("library", "discover_requested", "discover", "go_to_search"),
    Route("chat", "library_requested", "library", "rescan"),
    Route("chat", "compare_requested", "compare", "compare_chat"),
    Route("library", "compare_requested", "compare", "compare_models"),
    Route("library", "trial_requested", "compare", "compare_on"),
    Route("compare", "chat_requested", "chat", "take_over"),
    Route("compare", "library_requested", "library", "rescan"),
    Route("compare", "guide_requested", "library", "try_guide"),
)

GEOMETRY_FILE = "window.geometry"
NAV_PX, NAV_HEIGHT_PX, NAV_GLYPH_PX = 72, 64, 24


class MainWindow(QMainWindow):
    def __init__(
        self,
        services: Services,
        pages: Iterable[PageSpec] = PAGES,
        routes: Iterable[Route] = ROUTES,
    ) -> None:
        super().__init__()
        self._services = services
        self._specs = {spec.key: spec for spec in pages}
        self._routes = tuple(routes)
        self._pages: dict[str, QWidget] = {}
        self._shown_by_keys: list[Deed] = []
        self._leaving = False
        self._buttons = QButtonGroup(self)
        self._stack = QStackedWidget()
        self.notices = NoticeArea(above_px=16)
        self.download_corner = DownloadCorner(services.downloads, self.show_downloads)
        self._notifier = Notifier(self, self.show_downloads)
        self.setWindowTitle("Nibble")
        self.setMinimumSize(900, 600)
        self.setAcceptDrops(True)
        self._lay_out()
        bugs.reporter().reported.connect(self.notices.show_bug)
        services.preferences.failed.connect(self.notices.show_fault)
        services.downloads.failed.connect(self.notices.show_fault)
        services.downloads.arrived.connect(self._tell_arrival)
        self._add_actions()
        self._restore_geometry()
        first = next(iter(self._specs))
        self.show_page(next((key for key, spec in self._specs.items() if spec.at_start), first))

    def show_page(self, key: str) -> QWidget:
        """Brings the page to the front with the keyboard's focus, making it if need be; returns it."""
        page = self._bring_to_front(key)
        page.setFocus()
        return page

    @cached_property
    def veil(self) -> DropVeil:
        return DropVeil(self)

    @cached_property
    def palette_(self) -> Palette:
        from app.ui.palette import Palette

        return Palette(self)

    @cached_property
    def shortcuts(self) -> ShortcutsPanel:
        from app.ui.shortcuts import ShortcutsPanel

        return ShortcutsPanel(self)

    @property
    def services(self) -> Services:
        return self._services

    def page_keys(self) -> tuple[str, ...]:
        return tuple(self._specs)

    def show_fault(self, fault: EnvironmentFault) -> None:
        """For what concerns no page in particular."""
        self.notices.show_fault(fault)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_models(event.mimeData()):
            event.acceptProposedAction()
            self.veil.cover()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.veil.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self.veil.hide()
        event.acceptProposedAction()
        self.open_paths(dropped_models(event.mimeData()))

    def open_paths(self, paths: list[Path]) -> None:
        """Adds model files and folders to the library and shows them there."""
        page = self.show_page("library")
        page.add_paths(paths)  # type: ignore[attr-defined]  # the library page is the one that has it

    def show_downloads(self) -> None:
        page = self.show_page("library")
        page.show_downloads()  # type: ignore[attr-defined]  # the library page is the one that has it

    def new_chat(self) -> None:
        self.show_page("chat").new_chat()  # type: ignore[attr-defined]  # the chat page is the one that has it

    def open_palette(self) -> None:
        self.palette_.open(self._entries())
        if "chat" in self._specs:
            known = self._page("chat").known  # type: ignore[attr-defined]
            if not known.has_looked:
                known.changed.connect(self._renew_palette, Qt.ConnectionType.SingleShotConnection)
                known.look(None)

    def open_shortcuts(self) -> None:
        self.shortcuts.open(self._shown_by_keys)

    def open_about(self) -> None:
        self.show_page("settings").show_about()  # type: ignore[attr-defined]  # the settings page is the one that has it

    def _entries(self) -> list[Entry]:
        entries = action_entries(action for action in self.actions() if action is not self._palette_action)
        if "chat" in self._specs:
            chat = self._page("chat")
            entries += chat_entries(chat, lambda: self.show_page("chat"))  # type: ignore[arg-type]
        return entries

    def _renew_palette(self) -> None:
        if self.palette_.isVisible():
            self.palette_.renew(self._entries())

    def leave(self) -> None:
        """Closes without asking, also where the question is being asked."""
        self._leaving = True
        question = QApplication.activeModalWidget()
        if question is not None:
            question.close()
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        from app.ui import leaving

        lost = [] if self._leaving else leaving.unfinished_of(self._pages.values())
        if lost and not leaving.ask_to_leave(self, lost) and not self._leaving:
            event.ignore()
            return
        self._leaving = True
        self._services.downloads.close()
        with suppress(OSError):  # where the window was is not worth a message when leaving
            self._geometry_path().write_bytes(self.saveGeometry().data())
        super().closeEvent(event)

    def _tell_arrival(self, entry: QueueEntry) -> None:
        title = self.tr("{model} is here.").format(model=entry.download.title)
        if entry.to_make:
            text = self.tr("Making {types} of it.").format(
                types=", ".join(order.words for order in entry.to_make)
            )
        elif entry.is_checkpoint:
            text = self.tr("Models can be made of it in your library.")
        else:
            text = self.tr("It is in your library, ready to chat.")
        self._notifier.tell(title, text)

    def _add_actions(self) -> None:
        if "chat" in self._specs:
            add_action(self, "new-chat", self.new_chat)
        add_action(self, "downloads", self.show_downloads)
        self._palette_action = add_action(self, "palette", self.open_palette)
        Zoom(self, self._services.preferences)
        add_action(self, "shortcuts", self.open_shortcuts)
        if "settings" in self._specs:
            add_action(self, "about", self.open_about)
        add_action(self, "quit", self.close)
        if sys.platform == "darwin":
            from app.ui.mac_menu import put_menu

            put_menu(self)

    def _lay_out(self) -> None:
        content = QVBoxLayout()
        content.setContentsMargins(0, 0, 0, 0)
        content.setSpacing(0)
        above = QHBoxLayout()
        above.setContentsMargins(24, 0, 24, 0)
        above.addWidget(self.notices)
        content.addLayout(above)
        content.addWidget(self._stack, 1)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._make_rail())
        row.addLayout(content, 1)
        centre = QWidget()
        centre.setProperty("role", "page")
        centre.setLayout(row)
        self.setCentralWidget(centre)

    def _make_rail(self) -> QWidget:
        rail = QWidget()
        rail.setProperty("role", "rail")
        rail.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(rail)
        column.setContentsMargins(8, 16, 8, 16)
        column.setSpacing(8)
        column.addWidget(parts.Mark(), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(16)
        ordered = sorted(self._specs.values(), key=lambda spec: spec.at_bottom)
        for number, spec in enumerate(ordered, start=1):
            column.addWidget(self._make_nav(spec, number), 0, Qt.AlignmentFlag.AlignHCenter)
        first_at_bottom = column.count() - sum(spec.at_bottom for spec in ordered)
        column.insertStretch(first_at_bottom)
        column.insertWidget(first_at_bottom + 1, self.download_corner, 0, Qt.AlignmentFlag.AlignHCenter)
        theme.follow(rail, lambda: self._fit_words(rail))
        return rail

    def _fit_words(self, rail: QWidget) -> None:
        """Makes the navigation larger than drawn where a language or the zoom needs it."""
        metrics = QFontMetrics(theme.font("caption", strong=True))
        words_px = max(metrics.horizontalAdvance(spec.title()) for spec in self._specs.values())
        lacking_px = max(words_px + 8 - NAV_PX, 0)
        height_px = max(NAV_HEIGHT_PX, metrics.height() + NAV_GLYPH_PX + 20)  # between them and around them
        for nav in self._buttons.buttons():
            nav.setFixedSize(NAV_PX + lacking_px, height_px)
        self.download_corner.setFixedWidth(NAV_PX + lacking_px)
        rail.setFixedWidth(theme.current().lengths["rail_width"] + lacking_px)

    def _make_nav(self, spec: PageSpec, number: int) -> QToolButton:
        nav = QToolButton()
        nav.setProperty("role", "nav")
        nav.setProperty("key", spec.key)
        nav.setCheckable(True)
        nav.setText(spec.title())
        nav.setAccessibleName(spec.title())
        nav.setIcon(icons.icon(spec.glyph, "muted", checked="on_accent_soft"))
        nav.setIconSize(QSize(NAV_GLYPH_PX, NAV_GLYPH_PX))
        nav.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        nav.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        nav.setCursor(Qt.CursorShape.PointingHandCursor)
        # Not show_page: whoever walks along the navigation by arrow keys stays there.
        nav.clicked.connect(lambda: self._bring_to_front(spec.key))
        shows = Deed(spec.key, Place.ANYWHERE, spec.title(), (f"Ctrl+{number}",))
        nav.setToolTip(parts.with_keys(spec.title(), shows.sequences()[0]))
        self._shown_by_keys.append(shows)
        Action(self, shows, lambda: self.show_page(spec.key))
        self._buttons.addButton(nav)
        return nav

    def _bring_to_front(self, key: str) -> QWidget:
        page = self._page(key)
        self._stack.setCurrentWidget(page)
        for nav in self._buttons.buttons():
            nav.setChecked(nav.property("key") == key)
        return page

    def _page(self, key: str) -> QWidget:
        if key not in self._pages:
            page = self._specs[key].build(self._services)
            page.setProperty("role", "page")
            page.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
            self._pages[key] = page
            self._stack.addWidget(page)
            self._connect_routes(key, page)
            downloads = self._services.downloads
            for signal, fulfil in (
                ("shortcuts_requested", self.open_shortcuts),
                ("get_requested", downloads.get),
                ("make_requested", downloads.get_original),
            ):
                if (wishes := getattr(page, signal, None)) is not None:
                    wishes.connect(fulfil)
        return self._pages[key]

    def _connect_routes(self, key: str, page: QWidget) -> None:
        for route in self._routes:
            if route.source == key:
                getattr(page, route.signal).connect(self._carrier(route))

    def _carrier(self, route: Route) -> Callable[..., None]:
        def carry(*arguments: object) -> None:
            getattr(self.show_page(route.target), route.method)(*arguments)

        return carry

    def _geometry_path(self) -> Path:
        return self._services.folder.cache / GEOMETRY_FILE

    def _restore_geometry(self) -> None:
        try:
            known = self.restoreGeometry(QByteArray(self._geometry_path().read_bytes()))
        except OSError:
            known = False
        if not known:
            self.resize(1200, 780)
