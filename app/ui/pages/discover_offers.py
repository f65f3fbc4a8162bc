"""What of the catalogue suits this computer, worked out in jobs: the latest wish wins."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl
from app.ui import jobs
from app.ui.pages.discover_words import CONTEXTS, USUAL_CONTEXT, contexts_of

if TYPE_CHECKING:  # the engine takes 200 ms to import, so it is left to the job
    from app.hardware import Accelerator, Machine
    from app.memory import Held
    from app.recommend.budget import Budget
    from app.recommend.catalogue import CatalogueModel
    from app.recommend.ranking import Choice
    from app.recommend.speed import Learned
    from app.recommend.staircase import Staircase
    from app.runtime.protocol import Described

    Loaded = Callable[[Sequence[Accelerator]], tuple[Held, ...]]

PAUSE_MS = 100
"""Lists are not worked out beside bars that a person is moving."""

BREATH_S = 0.002
"""Between two models that nobody waits for, so that the window stays smooth."""


@dataclass(frozen=True)
class Listing:
    """All models for one budget and context in tokens, best first."""

    budget: Budget
    context: int
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class _FirstLook:
    machine: Machine
    runtime: Described | None
    fingerprint: str
    staircases: tuple[Staircase, ...]
    listing: Listing


class Offers(QObject):
    """`machine_found` carries this computer as plans take it, `progressed` how far the first look is, `listed` a
    Listing, `failed` the fault for which there is none.

    What was worked out is kept in the file `kept`, for the next start. `loaded`: what models of this window hold on a
    computer with given accelerators; whichever model is chosen here takes their place. Answers are in `database`.
    """

    machine_found = Signal(object)
    progressed = Signal(object)
    listed = Signal(object)
    failed = Signal(object)

    def __init__(self, kept: Path, database: Path, loaded: Loaded, parent: QObject) -> None:
        super().__init__(parent)
        self._kept = kept
        self._database = database
        self._loaded = loaded
        self._machine: Machine | None = None
        self._runtime: Described | None = None
        self._fingerprint = ""
        """Of the runtime that said so."""
        self._budget: Budget | None = None
        self._context = USUAL_CONTEXT
        self._staircases: dict[str, Staircase] = {}
        self._job: Job | None = None
        self._is_outdated = False
        self._is_explained = False
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._list)

    @property
    def context(self) -> int:
        return self._context

    @property
    def budget(self) -> Budget | None:
        return self._budget

    @property
    def staircases(self) -> tuple[Staircase, ...]:
        return tuple(self._staircases.values())

    @property
    def models(self) -> list[CatalogueModel]:
        return [staircase.model for staircase in self._staircases.values()]

    def begin(self) -> None:
        """The first look, unless it is over or under way."""
        if self._staircases or self._job is not None:
            return
        context, kept, database, loaded = self._context, self._kept, self._database, self._loaded
        self._is_explained = False

        def work(control: JobControl) -> _FirstLook:
            return _look(context, kept, database, loaded, control)

        self._job = jobs.run(
            self,
            "Find out what suits this computer",
            work,
            on_progress=self.progressed.emit,
            on_done=self._begun,
            on_failed=self._fail,
            on_cancelled=self._explained,
            on_end=self._ended,
        )

    def probe(self) -> Machine:
        """This computer as plans take it; for a job."""
        from app.hardware import ask_runtime, probe, usable
        from app.runtime.starting import runtime_fingerprint

        # A person may have chosen another runtime pack meanwhile, which may use other devices.
        if self._fingerprint and (fingerprint := runtime_fingerprint()) != self._fingerprint:
            self._runtime, _ = ask_runtime()
            self._fingerprint = fingerprint
        return usable(probe(), self._runtime, self._kept.parent)

    def set_context(self, context: int) -> None:
        """In tokens; a list for it follows as soon as it stands for a moment."""
        if context != self._context:
            self._context = context
            self._pause.start()

    def follow(self, machine: Machine | None) -> None:
        """A list follows where `machine` has noticeably more or less room than the last one was made for."""
        if machine is None or machine is self._machine or not self._staircases:
            return
        from app.recommend.budget import budget_of

        self._machine = machine
        budget = budget_of(machine, self._loaded(machine.accelerators))
        if self._budget is not None:
            budget = replace(budget, learned=self._budget.learned)
        if self._budget is None or budget.differs_from(self._budget):
            self._budget = budget
            self._list()

    def learn(self) -> None:
        """A list follows where answers since the last one have taught how fast this computer is."""
        budget, database = self._budget, self._database
        if budget is None:
            return

        def work(control: JobControl) -> Learned:
            from app.recommend.runs import corrected

            return corrected(budget, database).learned

        jobs.run(self, "Hold estimates of speed against answers", work, on_done=self._learnt)

    def longest_context(self, model_id: str) -> int:
        return self._staircases[model_id].longest_context

    def choice(self, model_id: str, context: int) -> Choice:
        """The staircase of a model with its alternatives: a few milliseconds where its contexts are prepared, else some
        ten. What would have to be worked out of other models first is left out."""
        from app.recommend.advice import advised

        assert self._budget is not None
        others = (each for each in self._staircases.values() if each.is_ready(each.settings(context)))
        return advised(self._staircases[model_id], others, self._budget, context)

    def prepare(self, model_id: str) -> None:
        """For moving through all contexts of a model; takes some tenths of a second at most."""
        staircase = self._staircases[model_id]

        def work(control: JobControl) -> None:
            for context in contexts_of(staircase.longest_context):
                control.cancel.raise_if_cancelled()
                for settings in staircase.ways(context):
                    staircase.prepare(settings)

        jobs.run(self, f"Prepare the staircase of {model_id}", work)

    def _prepare_all(self) -> None:
        """The other contexts of all models, while nothing else is to be done; for this start and the next."""
        staircases, kept = tuple(self._staircases.values()), self._kept

        def work(control: JobControl) -> None:
            _prepare(staircases, kept, lambda: self._job is None, control)

        jobs.run(self, "Prepare for other contexts", work)

    def _list(self) -> None:
        if not self._staircases or self._budget is None:
            return
        if self._job is not None:
            self._is_outdated = True
            self._job.cancel()
            return
        staircases, budget, context = tuple(self._staircases.values()), self._budget, self._context

        def work(control: JobControl) -> Listing:
            return _listing(staircases, budget, context, control)

        self._job = jobs.run(
            self, "List what suits this computer", work, on_done=self.listed.emit, on_end=self._ended
        )

    def _begun(self, found: _FirstLook) -> None:
        self._machine, self._runtime, self._budget = found.machine, found.runtime, found.listing.budget
        self._fingerprint = found.fingerprint
        self._staircases = {staircase.model.id: staircase for staircase in found.staircases}
        self.machine_found.emit(found.machine)
        self.listed.emit(found.listing)
        self._is_outdated = found.listing.context != self._context
        self._prepare_all()

    def _learnt(self, learned: Learned) -> None:
        if self._budget is not None and learned != self._budget.learned:
            self._budget = replace(self._budget, learned=learned)
            self._list()

    def _fail(self, fault: EnvironmentFault) -> None:
        self._is_explained = True
        self.failed.emit(fault)

    def _explained(self) -> None:
        self._is_explained = True

    def _ended(self) -> None:
        self._job = None
        if not self._staircases:
            if not self._is_explained:  # a bug, of which the window's notice tells
                self.failed.emit(EnvironmentFault(self.tr("Nibble could not look at this computer.")))
        elif self._is_outdated:
            self._is_outdated = False
            self._list()


def _look(context: int, kept: Path, database: Path, loaded: Loaded, control: JobControl) -> _FirstLook:
    from app.hardware import probe_usable
    from app.recommend.budget import budget_of
    from app.recommend.catalogue import read_catalogue
    from app.recommend.runs import corrected
    from app.recommend.staircase import staircases_of
    from app.runtime.starting import runtime_fingerprint

    machine, runtime = probe_usable(kept.parent)
    fingerprint = runtime_fingerprint()
    staircases = staircases_of(read_catalogue(), control, kept)
    budget = corrected(budget_of(machine, loaded(machine.accelerators)), database)
    return _FirstLook(
        machine, runtime, fingerprint, staircases, _listing(staircases, budget, context, control)
    )


def _listing(staircases: tuple[Staircase, ...], budget: Budget, context: int, control: JobControl) -> Listing:
    from app.recommend.ranking import rank

    choices = []
    for staircase in staircases:
        control.cancel.raise_if_cancelled()
        choices.append(staircase.choice(budget, staircase.settings(context)))
    return Listing(budget, context, rank(choices))


def _prepare(
    staircases: tuple[Staircase, ...], kept: Path, is_idle: Callable[[], bool], control: JobControl
) -> None:
    from app.recommend.staircase import keep_staircases

    has_learnt = False
    for context in CONTEXTS:
        for staircase in staircases:
            while not is_idle():
                control.cancel.raise_if_cancelled()
                time.sleep(10 * BREATH_S)
            control.cancel.raise_if_cancelled()
            if not staircase.is_ready(settings := staircase.settings(context)):
                staircase.prepare(settings)
                has_learnt = True
                time.sleep(BREATH_S)
    if has_learnt:
        with suppress(EnvironmentFault):  # then it is worked out again at the next start
            keep_staircases(staircases, kept)
