"""The Library page: the models on this computer, and what can be done with each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QMenu, QStackedWidget, QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl
from app.core.units import format_bytes
from app.ui import jobs
from app.ui.computer import ComputerStrip
from app.ui.notice import Action, Kind, NoticeArea
from app.ui.pages.library_list import ModelList
from app.ui.pages.library_making import Making, fill_make_menu
from app.ui.pages.library_parts import CompareTray, EmptyState, FolderChips
from app.ui.pages.library_rows import Row, RowFilter, RowModel, row_at, row_of
from app.ui.pages.library_watch import FolderWatch
from app.ui.parts import button, card, icon_button, label
from app.ui.services import Services

if TYPE_CHECKING:
    from app.library import LibraryEntry

MOST_COMPARED = 4
"""As `app.compare.MAXIMUM_PANES`, which would load the comparison engine at start (a test holds them equal)."""


class LibraryPage(QWidget):
    """`chat_requested` carries a model's path, `compare_requested` a list of two to four of them."""

    chat_requested = Signal(object)
    compare_requested = Signal(object)

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._scan_job: Job[list[LibraryEntry]] | None = None
        self._scan_again = False
        self._scanned = False
        self._wanted: Path | None = None
        self._compared: list[Row] = []
        self.notices = NoticeArea()
        self.making = Making(services.folder.models)
        self._watch = FolderWatch(self)
        self._watch.changed.connect(self.rescan)
        self._model = RowModel(self)
        self._filter = RowFilter(self)
        self._filter.setSourceModel(self._model)
        self.list = ModelList(self._filter)
        self.setFocusProxy(self.list)
        self._lay_out()
        self._connect()
        self._add_shortcuts()
        self.rescan()

    @property
    def rows(self) -> Sequence[Row]:
        """Everything found, whatever the filter hides."""
        return self._model.rows

    def show_row(self, path: Path) -> None:
        """Selects the row of a file and scrolls to it."""
        for number in range(self._filter.rowCount()):
            index = self._filter.index(number, 0)
            row = row_at(index)
            if row is not None and row.path == path:
                self.list.setCurrentIndex(index)
                self.list.scrollTo(index)

    # What the window asks for

    def add_paths(self, paths: list[Path]) -> None:
        """Adds model files and folders to the library; a single file is then selected."""
        self._services.preferences.add_model_folders(paths)
        if len(paths) == 1 and paths[0].is_file():
            self._wanted = paths[0]
        self.rescan()

    def rescan(self) -> None:
        """Looks at the folders again, now or as soon as the look that is under way has ended."""
        if self._scan_job is not None:
            self._scan_again = True
            self._scan_job.cancel()
            return
        sources = self._services.library_folders
        # Before the look: what changes while it goes on must not be missed.
        self._watch.watch(sources, self._model.rows)

        def work(control: JobControl) -> list[LibraryEntry]:
            from app.library import scan

            return scan(sources, control.cancel, control.emit)

        self._busy_timer.start()
        self._scan_job = jobs.run(
            self,
            "Look for models",
            work,
            on_value=self._show_early,
            on_done=self._show_entries,
            on_failed=self.notices.show_fault,
            on_end=self._scan_ended,
        )

    def unfinished(self) -> list[str]:
        return [card.accessibleName() for card in self.making.cards]

    # Building

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(16)
        column.addLayout(self._make_header())
        self.computer = ComputerStrip()
        column.addWidget(self.computer)
        column.addWidget(self.notices)
        column.addWidget(self.making)
        self._chips = FolderChips()
        column.addWidget(self._chips)
        column.addWidget(self._make_body(), 1)
        self.tray = CompareTray(MOST_COMPARED)
        column.addWidget(self.tray)

    def _make_header(self) -> QHBoxLayout:
        self._count = label("", "muted")
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Filter models"))
        self.search.setAccessibleName(self.tr("Filter models"))
        self.search.setClearButtonEnabled(True)
        self.search.setFixedWidth(200)
        self._refresh = icon_button("arrow-clockwise", self.tr("Look for models again"), self.rescan)
        self._add = button(
            self.tr("Add folder…"),
            self._pick_folder,
            glyph="folder-plus",
            tip=self.tr("Show the models of another folder here; the files stay where they are"),
            shortcut=QKeySequence.StandardKey.Open,
        )
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(label(self.tr("Library"), "title"))
        row.addSpacing(4)
        self._count.setContentsMargins(0, 0, 0, 4)  # onto the title's baseline
        row.addWidget(self._count, 0, Qt.AlignmentFlag.AlignBottom)
        row.addStretch()
        row.addWidget(self.search)
        row.addWidget(self._refresh)
        row.addWidget(self._add)
        return row

    def _make_body(self) -> QWidget:
        inside = QVBoxLayout()
        inside.setContentsMargins(1, 4, 1, 4)
        inside.addWidget(self.list)
        self._filled = card(inside)
        self.empty = EmptyState(self._pick_folder, self._open_models_folder)
        self._no_match = EmptyState.no_match(self.search.clear)
        self._looking = EmptyState.looking()
        self._body = QStackedWidget()
        self._blank = QWidget()
        for page in (self._blank, self._filled, self.empty, self._no_match, self._looking):
            self._body.addWidget(page)
        self._busy_timer = QTimer(self)
        self._busy_timer.setSingleShot(True)
        self._busy_timer.setInterval(300)
        return self._body

    def _connect(self) -> None:
        self.search.textChanged.connect(self._filter.set_words)
        self.search.textChanged.connect(self._settle)
        self.list.chat_asked.connect(lambda row: self.chat_requested.emit(row.path))
        self.list.compare_asked.connect(self._toggle_compared)
        self.list.make_asked.connect(self._open_make_menu)
        self.list.menu_asked.connect(self._open_row_menu)
        self.making.made.connect(self._show_made)
        self.making.failed.connect(self._show_not_made)
        self.tray.compare_asked.connect(self._compare)
        self.tray.removed.connect(self._toggle_compared)
        self.tray.cleared.connect(lambda: self._set_compared([]))
        self._chips.removed.connect(self._services.preferences.remove_model_folder)
        self._services.preferences.changed.connect(self._folders_changed)
        self._busy_timer.timeout.connect(self._settle)
        self._chips.show_folders(self._services.preferences.model_folders)

    def _add_shortcuts(self) -> None:
        for keys, act in (
            (QKeySequence(QKeySequence.StandardKey.Find), self.search.setFocus),
            (QKeySequence(QKeySequence.StandardKey.Refresh), self.rescan),
            (QKeySequence("Ctrl+D"), lambda: self._on_current(self._toggle_compared)),
            (QKeySequence("Ctrl+M"), lambda: self._on_current(self._open_make_menu_at_row)),
            (QKeySequence("Ctrl+Return"), self._compare),
        ):
            QShortcut(keys, self, act, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    # Looking for models

    def _show_early(self, entry: LibraryEntry) -> None:
        # Only the first look fills the list as it goes; later ones must not make it flicker.
        if not self._scanned:
            self._model.append(row_of(entry))
            self._settle()

    def _show_entries(self, entries: Sequence[LibraryEntry]) -> None:
        kept = self.list.current_row()
        self._scanned = True
        self._model.set_rows([row_of(entry) for entry in entries])
        present = {row.path for row in self._model.rows}
        self._set_compared([row for row in self._compared if row.path in present])
        wanted, self._wanted = self._wanted, None
        if (selected := wanted or (kept.path if kept else None)) is not None:
            self.show_row(selected)

    def _scan_ended(self) -> None:
        self._scan_job = None
        self._busy_timer.stop()
        self._settle()
        self._watch.watch(self._services.library_folders, self._model.rows)
        if self._scan_again:
            self._scan_again = False
            self.rescan()
        else:
            self._watch.await_growth(self._model.rows)

    def _settle(self) -> None:
        """Shows the list, or the state that fits when there is nothing to list."""
        rows = self._model.rows
        shown: QWidget
        if rows and self._filter.rowCount():
            shown = self._filled
        elif rows:
            shown = self._no_match
        elif self._scanned:
            shown = self.empty
        else:
            shown = self._looking if not self._busy_timer.isActive() else self._blank
        self._body.setCurrentWidget(shown)
        for control in (self.search, self._refresh, self._add):
            # The empty state has its own button, and nothing to filter.
            control.setVisible(shown is not self.empty)
        usable = [row for row in rows if row.fault is None]
        self._count.setText(self._count_text(usable))

    def _count_text(self, usable: Sequence[Row]) -> str:
        if not usable:
            return ""
        size = format_bytes(sum(row.file_bytes for row in usable))
        if len(usable) == 1:
            return self.tr("1 model, {size}").format(size=size)
        return self.tr("{n} models, {size}").format(n=len(usable), size=size)

    # Folders

    def _pick_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Choose a folder with models"))
        if chosen:
            self.add_paths([Path(chosen)])

    def _open_models_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._services.folder.models)))

    def _folders_changed(self) -> None:
        self._chips.show_folders(self._services.preferences.model_folders)
        self.rescan()

    # Comparing

    def _toggle_compared(self, row: Row) -> None:
        paths = [each.path for each in self._compared]
        if row.path in paths:
            self._set_compared([each for each in self._compared if each.path != row.path])
        elif not row.can_chat:
            return
        elif len(paths) == MOST_COMPARED:
            self.notices.show_message(
                Kind.INFO,
                self.tr("Four models can be compared at once."),
                self.tr("Take one out to make room for {model}.").format(model=row.label),
            )
        else:
            self._set_compared([*self._compared, row])

    def _set_compared(self, rows: list[Row]) -> None:
        self._compared = rows
        self.list.mark(frozenset(row.path for row in rows))
        self.tray.show_rows(rows)

    def _compare(self) -> None:
        if len(self._compared) >= 2:
            self.compare_requested.emit([row.path for row in self._compared])

    # Making quantizations

    def _open_make_menu_at_row(self, row: Row) -> None:
        self._open_make_menu(row, self.list.make_menu_place(row))

    def _open_make_menu(self, row: Row, at: QPoint) -> None:
        menu = self._menu()
        fill_make_menu(menu, row, self.making.start)
        # Under its button and not beyond the window's edge.
        menu.popup(at - QPoint(menu.sizeHint().width(), -4))

    def _show_made(self, row: Row, quantization: str, path: Path) -> None:
        self._wanted = path
        self.notices.show_good(
            self.tr("{type} of {model} is ready.").format(type=quantization, model=row.title),
            self.tr("{file} is in your models folder.").format(file=path.name),
            Action(self.tr("Chat"), lambda: self.chat_requested.emit(path)),
        )
        self.rescan()

    def _show_not_made(self, row: Row, quantization: str, fault: EnvironmentFault) -> None:
        self.notices.show_message(
            Kind.DANGER,
            self.tr("{type} of {model} was not made. {reason}").format(
                type=quantization, model=row.title, reason=fault.message
            ),
            fault.hint,
            Action(self.tr("Try again"), lambda: self.making.start(row, quantization)),
        )

    # The menu of a row: everything that can be done with it, with its keys

    def _open_row_menu(self, row: Row, at: QPoint) -> None:
        menu = self._menu()
        if row.can_chat:
            _add(menu, self.tr("Chat"), lambda: self.chat_requested.emit(row.path), "Return")
            chosen = row.path in {each.path for each in self._compared}
            text = self.tr("Do not compare") if chosen else self.tr("Choose for comparing")
            _add(menu, text, lambda: self._toggle_compared(row), "Ctrl+D")
            menu.addSeparator()
            fill_make_menu(menu, row, self.making.start)
            menu.addSeparator()
        _add(menu, self.tr("Show in folder"), lambda: self._show_in_folder(row))
        _add(menu, self.tr("Copy path"), lambda: QGuiApplication.clipboard().setText(str(row.path)))
        menu.popup(at)

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return menu

    def _show_in_folder(self, row: Row) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(row.path.parent)))

    def _on_current(self, act: object) -> None:
        row = self.list.current_row()
        if row is not None and callable(act):
            act(row)


def _add(menu: QMenu, text: str, act: object, keys: str = "") -> None:
    action = QAction(text, menu)
    if keys:
        # Shown only: the page has the shortcut, a second one would make both ambiguous.
        action.setText(f"{text}\t{QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)}")
    action.triggered.connect(act)
    menu.addAction(action)
