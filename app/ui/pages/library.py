"""The Library page: the models on this computer, and what can be done with each; without any, the first start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication, QHideEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QMenu, QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl
from app.ui import jobs
from app.ui.computer import ComputerStrip
from app.ui.notice import Action, Kind, NoticeArea
from app.ui.pages.library_body import Body
from app.ui.pages.library_finding import find_a_model
from app.ui.pages.library_guide import Look, look, rows_to_make
from app.ui.pages.library_header import Header
from app.ui.pages.library_list import ModelList
from app.ui.pages.library_making import Making, fill_make_menu
from app.ui.pages.library_parts import CompareTray, FolderChips
from app.ui.pages.library_rows import Row, RowFilter, library_rows, row_at
from app.ui.pages.library_trial import Trial
from app.ui.pages.library_watch import FolderWatch
from app.ui.services import Services

MOST_COMPARED = 4
"""As `app.compare.MAXIMUM_PANES`, which would load the comparison engine at start (a test holds them equal)."""


class LibraryPage(QWidget):
    """`chat_requested` carries a model's path, `compare_requested` a list of two to four of them; `trial_requested`
    the two to compare first, and what to ask them."""

    chat_requested = Signal(object)
    compare_requested = Signal(object)
    trial_requested = Signal(object, str)

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._data = services.folder
        self._scan_job: Job[Look] | None = None
        self._scan_again = False
        self._found: Sequence[Row] = ()
        self._scanned = False
        self._is_untouched = False
        self._wanted: Path | None = None
        self._compared: list[Row] = []
        self.notices = NoticeArea()
        self.making = Making(self._data)
        self._watch = FolderWatch(self)
        self._watch.changed.connect(self.rescan)
        self._model = library_rows(self)
        self._filter = RowFilter(self)
        self._filter.setSourceModel(self._model)
        self.header = Header()
        self.search = self.header.search
        self.list = ModelList(self._filter)
        self.body = Body(self.list)
        self.trial = Trial(self._data, self.body.first.guide, self)
        self.setFocusProxy(self.body)
        self._lay_out()
        self._connect()
        self._add_shortcuts()
        self.rescan()

    @property
    def rows(self) -> Sequence[Row]:
        """Every file found, whatever the filter hides."""
        return self._found

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

    def try_guide(self) -> None:
        """Makes the built-in model, then asks for comparing two quantizations of it."""
        self.trial.start()

    def rescan(self) -> None:
        """Looks at the folders again, now or as soon as the look that is under way has ended."""
        if self._scan_job is not None:
            self._scan_again = True
            self._scan_job.cancel()
            return
        sources, data = self._services.library_folders, self._data
        # Before the look: what changes while it goes on must not be missed.
        self._watch.watch(sources, self._found)

        def work(control: JobControl) -> Look:
            return look(sources, data, control)

        self.body.begin_look()
        self._scan_job = jobs.run(
            self,
            "Look for models",
            work,
            on_value=self._show_early,
            on_done=self._show_look,
            on_failed=self.notices.show_fault,
            on_end=self._scan_ended,
        )

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not event.spontaneous():  # else the window was only put aside
            self.trial.forget_fault()
            self._settle()

    def unfinished(self) -> list[str]:
        return [card.accessibleName() for card in self.making.cards]

    # Building

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(16)
        column.addWidget(self.header)
        self.computer = ComputerStrip()
        column.addWidget(self.computer)
        column.addWidget(self.notices)
        column.addWidget(self.making)
        column.addWidget(self.trial.card)
        self._chips = FolderChips()
        column.addWidget(self._chips)
        column.addWidget(self.body, 1)
        self.tray = CompareTray(MOST_COMPARED)
        column.addWidget(self.tray)

    def _connect(self) -> None:
        self.header.refresh_asked.connect(self.rescan)
        self.header.find_asked.connect(self.find_model)
        self.header.add_asked.connect(self._pick_folder)
        self.search.textChanged.connect(self._filter.set_words)
        self.search.textChanged.connect(self._settle)
        self.list.chat_asked.connect(lambda row: self.chat_requested.emit(row.path))
        self.list.try_asked.connect(self.try_guide)
        self.body.clear_asked.connect(self.search.clear)
        self.body.first.elsewhere.find_asked.connect(self.find_model)
        self.body.first.add_asked.connect(self._pick_folder)
        self.body.first.open_asked.connect(self._open_models_folder)
        self.trial.made.connect(self._show_trial)
        self.trial.failed.connect(self._show_trial_failed)
        self.trial.ended.connect(self.rescan)
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

    def _show_early(self, row: Row) -> None:
        # Only the first look fills the list as it goes; later ones must not make it flicker. What is built in
        # may turn out to be no list at all.
        if not self._scanned and not row.built_in:
            self._model.append(row)
            self._settle()

    def _show_look(self, found: Look) -> None:
        kept = self.list.current_row()
        self._scanned, self._found, self._is_untouched = True, found.rows, found.is_untouched
        self.body.first.show_guide_fault(found.guide_fault)
        self._model.set_rows([*found.rows, *rows_to_make(found, self._data.guide)])
        present = {row.path for row in found.rows}
        self._set_compared([row for row in self._compared if row.path in present])
        wanted, self._wanted = self._wanted, None
        if (selected := wanted or (kept.path if kept else None)) is not None:
            self.show_row(selected)

    def _scan_ended(self) -> None:
        self._scan_job = None
        self.body.end_look()
        self._settle()
        self._watch.watch(self._services.library_folders, self._found)
        if self._scan_again:
            self._scan_again = False
            self.rescan()
        else:
            self._watch.await_growth(self._found)

    def _settle(self) -> None:
        """Shows the list, or the state that fits when there is nothing to list."""
        if self._scanned and (self._is_untouched or self._is_trying()):
            self.body.show_first_start()
        elif self._filter.rowCount():
            self.body.show_list()
        elif self._model.rows:
            self.body.show_no_match()
        else:
            self.body.show_unknown()
        first = self.body.is_first_start
        self.trial.show_offer(first)
        self.header.show_controls(not first)  # it has buttons of its own, and nothing to filter
        self.header.show_count([] if first else [row for row in self._model.rows if not row.can_try])

    def _is_trying(self) -> bool:
        """Whether the person waits at the first start for the built-in model, or reads there why it failed."""
        own = any(not row.built_in for row in self._found)
        return self.body.is_first_start and self.trial.keeps_its_place and not own

    # The built-in model, and models from elsewhere

    def find_model(self) -> None:
        """Leads to where models are, and says what to do with one."""
        find_a_model(self.notices, self._open_models_folder)

    def _show_trial(self, paths: list[Path], question: str) -> None:
        def compare() -> None:
            self.trial_requested.emit(paths, question)

        if self.isVisible():
            compare()
        else:  # who went elsewhere meanwhile is not called away from there
            words = self.tr("The built-in model is ready.")
            self.notices.show_message(Kind.GOOD, words, "", Action(self.tr("Compare"), compare))

    def _show_trial_failed(self, fault: EnvironmentFault) -> None:
        if not self.body.is_first_start:  # which shows it itself
            self.notices.show_message(
                Kind.DANGER,
                self.tr("The built-in model was not made. {reason}").format(reason=fault.message),
                fault.hint,
                Action(self.tr("Try again"), self.try_guide),
            )

    # Folders

    def _pick_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Choose a folder with models"))
        if chosen:
            self.add_paths([Path(chosen)])

    def _open_models_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._data.models)))

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
            "" if row.built_in else self.tr("{file} is in your models folder.").format(file=path.name),
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
        if row.can_try:
            _add(menu, self.tr("Try it now, offline"), self.try_guide, "Return")
            fill_make_menu(menu, row, self.making.start)
            menu.popup(at)
            return
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
