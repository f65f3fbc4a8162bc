"""The blind test of the Compare page: prompts are chosen, models answer, the person votes, and sees what came out.

Everything is kept as it comes (`app.compare.blind`), so that a test goes on after whatever has ended it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QStackedWidget

from app.compare import Comparison
from app.compare.ballot import Ballot, PromptState
from app.compare.blind import BlindAnswered, BlindPlan, ask_blind, begin_blind_test
from app.compare.prompt_sets import PromptSet, prompt_set_names, read_prompt_set, shipped_prompt_set
from app.compare.session import SessionModel, session_model
from app.compare.session_store import KeptBlindTest
from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.memory import Unreturned, Way
from app.runtime import Sampling
from app.ui import jobs, links
from app.ui.notice import Action, Kind
from app.ui.pages.compare_blind_export import export_session
from app.ui.pages.compare_blind_results import Results
from app.ui.pages.compare_blind_sets import IN_THE_BOX
from app.ui.pages.compare_blind_setup import Setup
from app.ui.pages.compare_blind_voting import Voting
from app.ui.pages.compare_picker import label_of
from app.ui.services import Services

if TYPE_CHECKING:
    from app.ui.pages.compare import ComparePage


class BlindTests(QObject):
    """Takes the place of the page's panes while it is open."""

    def __init__(self, page: ComparePage, services: Services) -> None:
        super().__init__(page)
        self._page = page
        self._services = services
        self.setup, self.voting, self.results = Setup(), Voting(), Results()
        self.view = QStackedWidget()
        for each in (self.setup, self.voting, self.results):
            self.view.addWidget(each)
        self.view.hide()
        self._knows_sets = False
        self._session: int | None = None
        self._number = 0
        self._models: tuple[SessionModel, ...] = ()
        self._sampling = Sampling()
        self._ballot: Ballot | None = None
        self._asking = self._asks_later = False
        self._connect()

    @property
    def is_open(self) -> bool:
        return not self.view.isHidden()

    def can_open(self) -> bool:
        plan = self._page.planner.plan
        fits = plan is None or plan.memory.way is not Way.IMPOSSIBLE or self._page.engine.loaded
        return bool(self._page.panes) and not self._page.running and not self.is_open and fits

    def open(self) -> None:
        """To choose prompts for another test, of the models in the panes."""
        if not self.can_open():
            return
        names = [label_of(pane.entry) for pane in self._page.panes if pane.entry is not None]
        composer = self._page.composer
        self.setup.open(names, composer.sampling, composer.box.toPlainText(), self._kept())
        self._read_shipped()
        self._show(self.setup)

    def open_kept(self, session: int, number: int = 0) -> None:
        """Goes on with a test that was kept, or shows what came out of it. Raises what reading it raises."""
        kept = self._services.comparisons.session(session)
        ballot = Ballot.of(kept, number)
        self._take(session, number, kept.models, kept.sampling, ballot)
        if ballot.is_finished:
            self._show_results()
            return
        self.voting.open(ballot)
        self._show(self.voting)
        self._ask()

    def leave(self) -> None:
        """What is asked is stopped; a test that is not finished is kept."""
        if not self.is_open:
            return
        ballot, session, number = self._ballot, self._session, self._number
        if self._asking:
            self._page.engine.stop()
        self._asks_later = False
        unfinished = self.view.currentWidget() is self.voting and ballot is not None
        self.view.hide()
        self._page.show_panes()
        self._page.composer.box.setFocus()
        if unfinished and ballot is not None and session is not None:
            self._page.notices.show_message(
                Kind.INFO,
                self.tr("The blind test is kept: {voted} of {n} prompts have your vote.").format(
                    voted=ballot.voted, n=len(ballot)
                ),
                "",
                Action(self.tr("Go on"), lambda: self._reopen(session, number)),
            )

    # Choosing

    def _connect(self) -> None:
        self._page.header.blind_asked.connect(self.open)
        self.setup.begin_asked.connect(self._begin)
        self.setup.files_chosen.connect(self._read_own)
        self.setup.kept_asked.connect(self._reopen)
        for each in (self.setup, self.voting, self.results):
            each.leave_asked.connect(self.leave)
        self.voting.voted.connect(self._keep)
        self._page.engine.ended.connect(self._ask_if_later)
        self.voting.stop_asked.connect(self._page.engine.stop)
        self.voting.go_on_asked.connect(self._ask)
        self.voting.reveal_asked.connect(self._reveal)
        self.voting.details_asked.connect(self.voting.notices.show_fault)
        self.results.again_asked.connect(self._another)
        self.voting.others_asked.connect(self._choose_others)
        self.results.export_asked.connect(self._export)
        self.voting.link_asked.connect(lambda link: links.ask_about_written(self.voting.notices, link))
        self.results.link_asked.connect(lambda link: links.ask_about_written(self.results.notices, link))

    def _show(self, state: Setup | Voting | Results) -> None:
        if state is self.voting and self._page.sessions.history is not None:
            self._page.sessions.history.close()  # it names models, and exports what they said
        self.view.setCurrentWidget(state)
        self.view.show()
        self._page.show_panes(False)
        state.setFocus()

    def _read_shipped(self) -> None:
        if self._knows_sets:
            return
        self._knows_sets = True

        def work(control: JobControl) -> list[PromptSet]:
            return [shipped_prompt_set(name) for name in prompt_set_names()]

        jobs.run(
            self,
            "Read the lists of prompts",
            work,
            on_done=self.setup.add_sets,
            on_failed=self.setup.notices.show_fault,
        )

    def _read_own(self, paths: Sequence[Path]) -> None:
        def work(control: JobControl) -> list[PromptSet | EnvironmentFault]:
            return [_read(path) for path in paths]

        def take(read: Sequence[PromptSet | EnvironmentFault]) -> None:
            for each in read:
                if isinstance(each, PromptSet):
                    self.setup.add_own(each)
                else:
                    self.setup.notices.show_fault(each)

        self.setup.notices.clear()
        jobs.run(self, "Read lists of prompts", work, on_done=take)

    # Asking

    def _begin(self) -> None:
        entries = [pane.entry for pane in self._page.panes if pane.entry is not None]
        prompts = self.setup.prompts
        if self._page.running or not prompts or len(entries) < 2:
            return
        plan = BlindPlan(
            models=tuple(session_model(entry) for entry in entries),
            prompts=prompts,
            sampling=self.setup.sampling,
            seed=secrets.randbelow(2**63),
            same_is_tie=self.setup.same_is_tie.isChecked(),
            title=self.tr("Blind test: {lists}").format(
                lists=", ".join(dict.fromkeys(each.title for each, _ in prompts))
            )
            if any(each.name != IN_THE_BOX for each, _ in prompts)
            else "",
        )
        database = self._services.folder.database

        def begun(session: int) -> None:
            if not self.is_open:  # the person has left meanwhile
                self._delete(session)
                return
            self._take(session, 0, plan.models, plan.sampling, plan.ballot())
            self.voting.open(self._ballot_here)
            self._show(self.voting)
            self._ask()

        self.setup.set_possible(False)
        self.setup.notices.clear()
        jobs.run(
            self,
            "Begin a blind test",
            lambda control: begin_blind_test(database, plan),
            on_done=begun,
            on_failed=self.setup.notices.show_fault,
            on_end=lambda: self.setup.set_possible(True),
        )

    def _take(
        self,
        session: int,
        number: int,
        models: tuple[SessionModel, ...],
        sampling: Sampling,
        ballot: Ballot,
    ) -> None:
        self._session, self._number = session, number
        self._models, self._sampling, self._ballot = models, sampling, ballot

    @property
    def _ballot_here(self) -> Ballot:
        assert self._ballot is not None, "a test is open"
        return self._ballot

    def _ask(self) -> None:
        """What is missing, if anything is."""
        ballot, session = self._ballot_here, self._session
        if session is None or not ballot.count(PromptState.WAITING):
            return
        self._asks_later = self._page.running  # what was stopped has not ended yet
        if self._asks_later:
            return
        database, sampling = self._services.folder.database, self._sampling
        copy = Ballot(ballot.test, ballot.turns, ballot.panes)
        self._asking = True

        def work(comparison: Comparison, control: JobControl) -> None:
            ask_blind(comparison, database, session, copy.test.turns, copy, sampling, control)

        def report(event: object) -> None:
            if isinstance(event, BlindAnswered) and self._ballot is ballot:
                ballot.turns[event.number] = event.turn
                self.voting.refresh()
            elif isinstance(event, Unreturned):
                self._page.notices.show_news(event.sentence)

        self.voting.notices.clear()
        paths = [Path(model.path) for model in self._models]
        self._page.engine.call(
            "Blind test",
            paths,
            sampling,
            work,
            on_value=report,
            on_done=lambda _: self._ended(ballot, None),
            on_failed=lambda fault: self._ended(ballot, fault),
            on_cancelled=lambda: self._ended(ballot, None),
        )
        self.voting.set_running(True)

    def _ask_if_later(self) -> None:
        if self._asks_later and not self._page.running:
            self._ask()

    def _ended(self, ballot: Ballot, fault: EnvironmentFault | None) -> None:
        self._asking = False
        if self._ballot is not ballot:
            return
        self.voting.set_running(False)
        if fault is None:
            return
        answered = any(ballot.missing(number) != list(range(ballot.panes)) for number in range(len(ballot)))
        if not answered and not ballot.voted and self.view.currentWidget() is self.voting:
            # Nothing has come of it: the models do not fit, say. There nobody votes, so it may be told.
            self._forget()
            self.setup.notices.show_fault(fault)
            if self.is_open:
                self._show(self.setup)
        else:
            self.voting.show_failure(fault)

    def _forget(self) -> None:
        session, self._session, self._ballot = self._session, None, None
        if session is not None:
            self._delete(session)

    def _delete(self, session: int) -> None:
        with suppress(EnvironmentFault):
            self._services.comparisons.delete(session)

    # Voting

    def _keep(self, voted_at: float = 0.0) -> None:
        ballot, session = self._ballot, self._session
        if ballot is None or session is None:
            return
        ballot.test = msgspec.structs.replace(ballot.test, votes=ballot.kept_votes, voted_at=voted_at)
        try:
            self._services.comparisons.write_blind_test(session, self._number, ballot.test)
        except EnvironmentFault as fault:
            self.voting.notices.show_fault(fault)

    def _reveal(self) -> None:
        if self._asking:
            self._page.engine.stop()
        self._keep(time.time())
        self._show_results()

    def _show_results(self) -> None:
        self.results.show_results(self._ballot_here, self._models)
        self._show(self.results)

    def _export(self) -> None:
        """The whole session, as every comparison is exported."""
        if self._session is not None:
            export_session(self._services, self._session, self.results, self.results.notices)

    def _choose_others(self) -> None:
        """Nothing has come of these."""
        self._forget()
        self._another()

    def _another(self) -> None:
        self.view.hide()
        self.open()
        if not self.is_open:
            self._page.show_panes()

    # What was kept

    def _kept(self) -> Sequence[KeptBlindTest]:
        try:
            return self._services.comparisons.blind_tests()
        except EnvironmentFault as fault:
            self._page.notices.show_fault(fault)
            return []

    def _reopen(self, session: int, number: int) -> None:
        try:
            self.open_kept(session, number)
        except EnvironmentFault as fault:
            (self.setup if self.is_open else self._page).notices.show_fault(fault)


def _read(path: Path) -> PromptSet | EnvironmentFault:
    try:
        return read_prompt_set(path)
    except EnvironmentFault as fault:
        return fault
