"""The Library page: the models on this computer, and what can be done with each; without any, the first start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QHideEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QMenu

from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl
from app.ui import jobs, links
from app.ui.download_wishes import QueueEntry
from app.ui.make_menu import pop_up_under
from app.ui.make_order import MakeOrder
from app.ui.making import Checkpoint
from app.ui.notice import Action, Kind
from app.ui.pages.library_checkpoints import Checkpoints
from app.ui.pages.library_guide import Look, look, rows_to_make
from app.ui.pages.library_layout import LibraryLayout
from app.ui.pages.library_made import tell_made, tell_not_made
from app.ui.pages.library_making import fill_make_menu
from app.ui.pages.library_menu import RowActs, fill_row_menu
from app.ui.pages.library_rows import Row
from app.ui.pages.library_watch import FolderWatch
from app.ui.pages.library_words import FAILED
from app.ui.services import Services

if TYPE_CHECKING:
    from app.recommend.fit import Fit


class LibraryPage(LibraryLayout):
    """`chat_requested` carries a model's path, `compare_requested` a list of two to five of them; `trial_requested`
    the two to compare first, and what to ask them; `discover_requested`: find a model that is not here yet."""

    chat_requested = Signal(object)
    discover_requested = Signal()
    compare_requested = Signal(object)
    trial_requested = Signal(object, str)

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._scan_job: Job[Look] | None = None
        self._scan_again = False
        self._found: Sequence[Row] = ()
        self._to_make: Sequence[Row] = ()
        self._fits: dict[Path, Fit] = {}
        self._scanned = False
        self._is_untouched = False
        self._wanted: Path | None = None
        self._checkpoints = Checkpoints(self)
        self._watch = FolderWatch(self)
        self._watch.changed.connect(self.rescan)
        self._connect()
        self._add_shortcuts()
        self.rescan()

    @property
    def rows(self) -> Sequence[Row]:
        """Every file found, whatever the filter hides."""
        return [row for row in self._model.rows if row.entry is not None]

    # What the window asks for

    def add_paths(self, paths: list[Path]) -> None:
        """Adds model files and folders to the library. A single file is then selected; of a checkpoint is asked what to
        make."""
        self._services.preferences.add_model_folders(paths)
        self._checkpoints.look(self._services.preferences.model_folders, paths)
        if len(paths) == 1 and paths[0].is_file():
            self._wanted = paths[0]
        self.rescan()

    def show_downloads(self) -> None:
        """Leads to the downloads, if there are any."""
        self.downloads.focus_first()

    def try_guide(self) -> None:
        """Makes the built-in model, then asks for comparing two quantizations of it."""
        self.trial.start()

    def rescan(self) -> None:
        """Looks at the folders again, now or as soon as the look that is under way has ended."""
        if self._scan_job is not None:
            self._scan_again = True
            self._scan_job.cancel()
            return
        services, checking, is_first = self._services, self.acts.checking, not self._scanned
        fits, earlier = self._fits, self._found
        # Before the look: what changes while it goes on must not be missed.
        self._watch.watch(services.library_folders, self._found)

        def work(control: JobControl) -> Look:
            found = look(services, control, fits.get, earlier, tells_early=is_first)
            return replace(found, outdated_checks=checking.outdated())

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
            self.downloads.dismiss_arrived()
            self._settle()

    def unfinished(self) -> list[str]:
        return [card.accessibleName() for card in self.making.cards]

    # Building

    def _connect(self) -> None:
        self._connect_list()
        self._connect_side()
        self.header.refresh_asked.connect(self.rescan)
        self.header.find_asked.connect(self.discover_requested)
        self.header.add_asked.connect(self._pick_folder)
        self.body.clear_asked.connect(self._clear_filter)
        self.body.first.elsewhere.find_asked.connect(self.discover_requested)
        self.body.first.add_asked.connect(self._pick_folder)
        self.body.first.open_asked.connect(self._open_models_folder)
        self.trial.made.connect(self._show_trial)
        self.trial.failed.connect(self._show_trial_failed)
        self.trial.ended.connect(self.rescan)
        self.downloads.chat_asked.connect(self.chat_requested)
        self.downloads.make_asked.connect(
            lambda entry, at: self._checkpoints.open_menu(Checkpoint(entry.download.title, entry.path), at)
        )
        self._checkpoints.found.connect(self._show_checkpoints)
        self._checkpoints.make_asked.connect(self.making.start)
        self._checkpoints.choose_asked.connect(self.show_making)
        self._checkpoints.failed.connect(self.notices.show_fault)
        self.downloads.page_asked.connect(self._ask_to_open)
        self._services.downloads.arrived.connect(self._take_in)
        self.making.made.connect(self._show_made)
        self.making.failed.connect(self._show_not_made)
        self.compared.changed.connect(self.list.mark)
        self.compared.compare_asked.connect(self.compare_requested)
        self.filter_bar.folder_removed.connect(self._services.preferences.remove_model_folder)
        self._services.preferences.changed.connect(self._folders_changed)
        self.filter_bar.make_asked.connect(lambda path: self.show_making(Checkpoint(path.name, path)))
        self._show_folders()

    def _connect_side(self) -> None:
        side = self.side
        side.chat_asked.connect(self._chat)
        side.compare_asked.connect(self.compared.toggle)
        side.make_asked.connect(self._open_make_menu)
        side.look_asked.connect(lambda row: self.rescan())
        side.result_asked.connect(self.show_result)
        side.pair_asked.connect(self.compare_requested)
        side.original_asked.connect(
            lambda checkpoint, type: self.making.start(checkpoint, MakeOrder((type,)))
        )
        side.make_ordered.connect(self._make_ordered)
        self.acts.changed.connect(self.rescan)
        self.acts.found.connect(lambda path: self.add_paths([path]))
        self.verdicts.budget_changed.connect(side.show_budget)

    def _connect_list(self) -> None:
        bar, models = self.filter_bar, self.list
        for wish, fulfil in (
            (self.search.textChanged, self._filter.set_words),
            (bar.source_chosen, self._filter.set_source),
            (bar.verdict_chosen, self._filter.set_verdict),
        ):
            wish.connect(fulfil)
            wish.connect(self._settle)
        models.chat_asked.connect(self._chat)
        models.try_asked.connect(self.try_guide)
        models.compare_asked.connect(self.compared.toggle)
        models.make_asked.connect(self._open_make_menu)
        models.look_asked.connect(self.rescan)
        models.forget_asked.connect(self.acts.forget)
        models.menu_asked.connect(self._open_row_menu)
        self.computer.machine_changed.connect(self.verdicts.follow)
        self.verdicts.found.connect(self._show_verdicts)

    def _add_shortcuts(self) -> None:
        for keys, act in (
            (QKeySequence(QKeySequence.StandardKey.Find), self.search.setFocus),
            (QKeySequence(QKeySequence.StandardKey.Refresh), self.rescan),
            (QKeySequence("Ctrl+D"), lambda: self._on_current(self.compared.toggle)),
            (QKeySequence("Ctrl+M"), lambda: self._on_current(self._open_make_menu_at_row)),
            (QKeySequence("F2"), lambda: self._on_current(self._begin_renaming)),
            (QKeySequence("Ctrl+Return"), self.compared.compare),
        ):
            QShortcut(keys, self, act, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
        delete = QKeySequence(QKeySequence.StandardKey.Delete)
        in_list = Qt.ShortcutContext.WidgetShortcut
        QShortcut(delete, self.list, lambda: self._on_current(self._delete), context=in_list)

    # Looking for models

    def _show_early(self, rows: Sequence[Row]) -> None:
        # Only the first look fills the list as it goes; later ones must not make it flicker.
        if not self._scanned:
            self._model.extend(rows)
            self._settle()

    def _show_look(self, found: Look) -> None:
        kept = self.list.current_row()
        self._scanned, self._is_untouched = True, found.is_untouched
        self.acts.checking.drop_outcomes(found.outdated_checks)
        self._found = self._completed(found.rows)
        self._to_make = rows_to_make(found, self._data.guide)
        self.body.first.show_guide_fault(found.guide_fault)
        self._show_rows()
        self.compared.keep_only({row.path for row in self._found if row.can_chat})
        wanted, self._wanted = self._wanted, None
        if (selected := wanted or (kept.path if kept else None)) is not None:
            self.show_row(selected)
        self.side.show_rows(self._found)
        self.side.look_again()
        self.verdicts.judge([row.path for row in self._found if row.can_chat])

    def _show_rows(self) -> None:
        self._model.set_rows([*self._found, *self._to_make])
        self.filter_bar.show_rows(self._found)
        shown = self.side.row
        if shown is not None:
            row = next((row for row in self._model.rows if row.path == shown.path), None)
            if row is None:
                self.close_side()
            else:
                self.side.show_row(row)

    def _completed(self, rows: Sequence[Row]) -> list[Row]:
        """With what was found out while the look went on, and with the mark of those that failed their check."""
        fits, has_failed = self._fits, self.acts.checking.has_failed
        completed = []
        for row in rows:
            if row.can_chat and row.fit is not fits.get(row.path):
                row = replace(row, fit=fits[row.path])
            if row.fault is None and has_failed(row.path):
                row = replace(row, state=FAILED)
            completed.append(row)
        return completed

    def _show_verdicts(self, fits: Mapping[Path, Fit]) -> None:
        self._fits.update(fits)
        self._model.set_fits(fits)
        self.filter_bar.show_rows(self._model.rows)
        self._settle()

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
            self.close_side()
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
        self.filter_bar.setVisible(not first and bool(self._found))
        self.header.show_count([] if first else [row for row in self._model.rows if not row.can_try])

    def _is_trying(self) -> bool:
        """Whether the person waits at the first start for the built-in model, or reads there why it failed."""
        own = any(not row.built_in for row in self._found)
        return self.body.is_first_start and self.trial.keeps_its_place and not own

    # The built-in model

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

    def _ask_to_open(self, address: str) -> None:
        links.ask_to_open(self.notices, address, self.tr("Open this page in your browser?"))

    # What is asked of one row

    def _begin_renaming(self, row: Row) -> None:
        if row.entry is not None and row.fault is None:
            self.show_details(row)
            self.details.begin_renaming()

    def _delete(self, row: Row) -> None:
        if row.is_missing:
            self.acts.forget(row)
        elif not row.built_in:  # which nobody deletes by accident: only its details offer that
            self.acts.delete(row)

    # Folders

    def _pick_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Choose a folder with models"))
        if chosen:
            self.add_paths([Path(chosen)])

    def _open_models_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._data.models)))

    def _folders_changed(self) -> None:
        self._show_folders()
        self.rescan()

    def _show_folders(self) -> None:
        folders = self._services.preferences.model_folders
        self.filter_bar.show_folders(folders)
        self._checkpoints.look(folders)

    def _show_checkpoints(self, found: list[Path]) -> None:
        self.filter_bar.show_folders(self._services.preferences.model_folders, found)

    # Making quantizations

    def _take_in(self, entry: QueueEntry) -> None:
        """What has been downloaded; of a checkpoint is made what was chosen when it was asked for."""
        for order in entry.to_make:
            self.making.start(Checkpoint(entry.download.title, entry.path), order)
        self.rescan()

    def _open_make_menu_at_row(self, row: Row) -> None:
        self._open_make_menu(row, self.list.make_menu_place(row))

    def _open_make_menu(self, row: Row, at: QPoint) -> None:
        menu = self._menu()
        fill_make_menu(menu, row, self.making.start, self.show_making)
        pop_up_under(menu, at)

    def _make_ordered(self, source: Row | Checkpoint, order: MakeOrder) -> None:
        self.close_side()
        self.making.start(source, order)

    def _show_made(self, source: Row | Checkpoint, order: MakeOrder, paths: list[Path]) -> None:
        path = self._wanted = paths[0]
        folders = self._services.library_folders
        if not any(path.is_relative_to(folder) for folder in folders):  # a person chose another one
            self._services.preferences.add_model_folders(paths)
        tell_made(
            self.notices,
            source,
            order,
            paths,
            chat=lambda: self.chat_requested.emit(path),
            result=lambda: self._show_result_of(path),
        )
        self.rescan()

    def _show_result_of(self, path: Path) -> None:
        row = next((row for row in self._found if row.path == path), None)
        if row is not None:  # else it is gone again
            self.show_result(row)

    def _show_not_made(self, source: Row | Checkpoint, order: MakeOrder, fault: EnvironmentFault) -> None:
        tell_not_made(self.notices, source, order, fault, lambda order: self.making.start(source, order))

    # The menu of a row

    def _open_row_menu(self, row: Row, at: QPoint) -> None:
        menu = self._menu()
        acts = RowActs(
            try_guide=self.try_guide,
            chat=self._chat,
            compare=self.compared.toggle,
            make=self.making.start,
            choose_types=self.show_making,
            details=self.show_details,
            rename=self._begin_renaming,
            verify=self.acts.verify,
            reveal=self.acts.reveal,
            delete=self.acts.delete,
            look_again=self.rescan,
            find=self.acts.find,
            forget=self.acts.forget,
        )
        fill_row_menu(menu, row, acts, is_compared=self.compared.has(row.path))
        menu.popup(at)

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return menu

    def _chat(self, row: Row) -> None:
        self.chat_requested.emit(row.path)

    def _on_current(self, act: Callable[[Row], object]) -> None:
        row = self.side.row or self.list.current_row()
        if row is not None:
            act(row)
