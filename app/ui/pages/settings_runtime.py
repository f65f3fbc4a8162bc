"""Runtime packs in the settings: which there are, which one is used, and which one a person wants."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QShowEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QPushButton, QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault, PackInUse
from app.core.jobs import JobControl
from app.ui.flow import FlowLayout
from app.ui.latest import Latest
from app.ui.notice import Action, Kind, NoticeArea
from app.ui.pages.settings_runtime_offers import PackOffers
from app.ui.pages.settings_runtime_pack import PackRow
from app.ui.parts import button, choice, empty, label, without_mnemonics
from app.ui.services import Services

if TYPE_CHECKING:  # the runtime is imported by the job that asks
    from app.hardware.pack_reports import PackReport
    from app.runtime.packs import Pack, PackState, RuntimePacks


class RuntimeCard(QFrame):
    """Packs are asked in processes of their own, one after another, whenever the card comes into view."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._services = services
        self._asking = Latest(self)
        self._states: list[PackState] = []
        self._reports: dict[PackState, PackReport] = {}
        self._tried: Pack | None = None
        self._shown: object = None
        self._override = os.environ.get("LLAMA_CPP_LIB_PATH", "")
        self.rows: list[PackRow] = []
        self.choices: list[QPushButton] = []
        self.notices = NoticeArea()
        self.offers = PackOffers(services)
        self.offers.failed.connect(self._show_fault)
        services.pack_getting.arrived.connect(self._hear_of_arrival)
        self._lay_out()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous() and self._tried is None:  # a trial goes on while another page is seen
            self.look()

    def look(self) -> None:
        """Finds out which packs there are, what each can use, and which can be had."""
        self._then_look("Look for runtime packs", lambda packs, control: None)

    def choose(self, pack: Pack | None) -> None:
        """None: the fastest that works. For what is loaded from now on."""

        def work(packs: RuntimePacks, control: JobControl) -> None:
            packs.choose(pack)
            self._services.runtime_changed()

        self._then_look("Choose a runtime pack", work)

    def try_again(self, pack: Pack) -> None:
        def work(packs: RuntimePacks, control: JobControl) -> None:
            packs.try_now(pack, control.cancel)
            self._services.runtime_changed()

        self._tried = pack
        self._show()
        self._then_look("Try a runtime pack", work)

    def remove(self, pack: Pack, *, unloads: bool = False) -> None:
        """`unloads`: with the models of this window that run on it, where they rest."""
        services = self._services

        def work(packs: RuntimePacks, control: JobControl) -> None:
            from app.runtime.packs.place import pack_place

            services.leave_runtime(with_models=unloads)
            place = pack_place()
            with place.changing():
                place.remove(pack)
            services.runtime_changed()

        self._then_look("Remove a runtime pack", work, lambda fault: self._explain(pack, fault))

    def _explain(self, pack: Pack, fault: EnvironmentFault) -> None:
        """Why it was not removed, with what makes it possible where that is ours to do."""
        if isinstance(fault, PackInUse) and self._services.loaded(()):
            act = Action(_tr("Unload and remove"), lambda: self.remove(pack, unloads=True))
            self.notices.show_message(Kind.WARNING, fault.message, fault.hint, act)
        else:
            self._show_fault(fault)

    def _hear_of_arrival(self, state: PackState) -> None:
        if self.isVisible():
            self._then_look("Look for runtime packs", lambda packs, control: None)

    def _then_look(
        self,
        name: str,
        first: Callable[[RuntimePacks, JobControl], None],
        on_failed: Callable[[EnvironmentFault], None] | None = None,
    ) -> None:
        def work(control: JobControl) -> list[PackState]:
            from app.runtime.packs import runtime_packs

            packs = runtime_packs()
            first(packs, control)
            return packs.states()

        self.notices.clear()
        self._asking.ask(name, work, self._ask_each, on_failed or self._show_fault)

    def _ask_each(self, states: list[PackState]) -> None:
        self._states, self._tried = states, None
        self.offers.look()
        # What packs said before stands until they say it again.
        self._reports = {report.state: report for report in self._reports.values() if report.state in states}
        self._show()

        def work(control: JobControl) -> list[PackReport]:
            from app.hardware.pack_reports import report_packs
            from app.runtime.packs import runtime_packs

            return list(report_packs(runtime_packs(), control.cancel))

        self._asking.ask("Ask runtime packs for their devices", work, self._show_reports, self._show_fault)

    def _show_reports(self, reports: list[PackReport]) -> None:
        self._states = [report.state for report in reports]
        self._reports = {report.state: report for report in reports}
        self._show()

    def _show_fault(self, fault: EnvironmentFault) -> None:
        self._tried = self._shown = None  # a choice that was not kept is taken back
        self.notices.show_fault(fault)
        self._show()

    def _show(self) -> None:
        """Rows are made anew, but not where nothing changed: a log that is open stays so."""
        shown = (tuple(self._states), tuple(self._reports.values()), self._tried)
        if shown == self._shown:
            return
        self._shown = shown
        focused = self._focused()
        self._show_choices()
        self._show_rows()
        self._focus(focused)

    def _show_rows(self) -> None:
        empty(self._packs)
        self.rows = []
        for state in self._states:
            row = PackRow(
                state,
                self._reports.get(state),
                is_tried=state.pack == self._tried,
                is_removable=self._is_removable(state.pack),
            )
            row.remove_asked.connect(lambda pack=state.pack: self.remove(pack))
            row.try_asked.connect(lambda pack=state.pack: self.try_again(pack))
            row.stop_asked.connect(self._stop)
            self.rows.append(row)
            self._packs.addWidget(row)
            row.show()  # or it could not take the focus before the event loop has turned

    def _is_removable(self, pack: Pack) -> bool:
        """Others came with the program."""
        return pack.folder is not None and pack.folder.parent == self._services.folder.packs

    def _focused(self) -> int | None:
        """The keyboard is at the row of that index, or -1 at the choices."""
        if any(each.hasFocus() for each in self.choices):
            return -1
        return next((index for index, row in enumerate(self.rows) if row.has_focus), None)

    def _focus(self, place: int | None) -> None:
        """What was there is made anew."""
        if place is not None and 0 <= place < len(self.rows):
            self.rows[place].take_focus()
        elif place is not None:
            next((each for each in self.choices if each.isChecked()), self).setFocus()

    def _show_choices(self) -> None:
        empty(self._choices)
        self.choices = []
        several = len(self._states) > 1
        self._which.setVisible(several)
        if not several:
            return
        none_chosen = not any(state.is_chosen for state in self._states)
        self._add_choice(_tr("Automatic"), None, is_on=none_chosen)
        for state in self._states:
            self._add_choice(state.pack.name, state.pack, is_on=state.is_chosen)
            self.choices[-1].setEnabled(state.is_chosen or not state.fault)
        # Where a person has set that variable, nobody is asked.
        self._which.setEnabled(not self._override)

    def _add_choice(self, name: str, pack: Pack | None, *, is_on: bool) -> None:
        made = choice(without_mnemonics(name))
        made.setAccessibleName(_tr("Runtime pack: {name}").format(name=name))
        made.setChecked(is_on)
        made.clicked.connect(lambda: self.choose(pack))
        self._group.addButton(made)
        self.choices.append(made)
        self._choices.addWidget(made)
        made.show()

    def _stop(self) -> None:
        self._asking.drop()
        self.look()

    def _open_folder(self) -> None:
        folder = self._services.folder.packs
        folder.mkdir(parents=True, exist_ok=True)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _lay_out(self) -> None:
        self._group = QButtonGroup(self)
        self._which = QWidget()
        self._choices = FlowLayout()
        self._which.setLayout(self._choices)
        self._packs = QVBoxLayout()
        self._packs.setSpacing(8)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 20)
        column.setSpacing(4)
        column.addWidget(label(_tr("Runtime packs"), "heading"))
        column.addWidget(
            label(
                _tr(
                    "Models are computed by llama.cpp. A pack is llama.cpp built for one kind of hardware; Nibble "
                    "takes the fastest that works on this computer. Another choice counts for models loaded from then "
                    "on."
                ),
                "muted",
                wrap=True,
            )
        )
        if self._override:
            told = _tr(
                "LLAMA_CPP_LIB_PATH is set, so the libraries in {folder} are used, whatever is chosen here."
            )
            column.addWidget(label(told.format(folder=self._override), "warning", wrap=True))
        column.addSpacing(8)
        column.addWidget(self._which)
        column.addSpacing(8)
        column.addLayout(self._packs)
        column.addSpacing(12)
        column.addWidget(self.offers)
        column.addSpacing(8)
        add = button(
            _tr("Open the packs folder"),
            self._open_folder,
            glyph="folder-open",
            tip=_tr(
                "Each pack is a folder in there; one that is added is found when Settings is opened again"
            ),
        )
        column.addWidget(add, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.notices)


def _tr(text: str) -> str:
    return QCoreApplication.translate("SettingsPage", text)
