"""How the library's models would run on this computer, worked out in jobs and again when its memory has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.core.jobs import Job, JobControl
from app.storage import DataFolder
from app.ui import jobs
from app.ui.fit_words import USUAL_CONTEXT

if TYPE_CHECKING:  # the engine takes 200 ms to import, so it is left to the job
    from app.hardware import Accelerator, Machine
    from app.library.needs import KnownNeeds
    from app.memory import Held
    from app.recommend.budget import Budget
    from app.recommend.fit import Fit
    from app.runtime.protocol import Described

    Loaded = Callable[[Sequence[Accelerator]], tuple[Held, ...]]

TELL_EVERY_S = 0.3
BREATH_S = 0.001
"""After each model that was counted anew, so that the window stays smooth."""


class Verdicts(QObject):
    """`found` carries a Fit by each path, some at a time; `budget_changed` what of this computer a model may take.

    `loaded`: what models of this window hold; whichever model is chosen in the library takes their place.
    """

    found = Signal(object)
    budget_changed = Signal(object)

    def __init__(self, data: DataFolder, loaded: Loaded, parent: QObject) -> None:
        super().__init__(parent)
        self._data = data
        self._loaded = loaded
        self._paths: tuple[Path, ...] = ()
        self._machine: Machine | None = None
        self._runtime: Described | None = None
        self._fingerprint = ""
        """Of the runtime that said so."""
        self._budget: Budget | None = None
        self._needs: KnownNeeds | None = None
        self._told: dict[Path, Fit] = {}
        self._job: Job[None] | None = None
        self._is_outdated = False

    @property
    def budget(self) -> Budget | None:
        return self._budget

    def find_budget(self) -> Budget:
        """As it is known, or else worked out, for a job."""
        from app.recommend.budget import budget_of

        if self._budget is not None:
            return self._budget
        machine = self.probe()
        return budget_of(machine, self._loaded(machine.accelerators))

    def probe(self) -> Machine:
        """This computer as plans take it, for a job: what the runtime can use of it, where it has graphics."""
        from app.hardware import ask_runtime, probe, usable
        from app.runtime.starting import runtime_fingerprint

        machine = probe()
        # A person may have chosen another runtime pack meanwhile, which may use other devices.
        fingerprint = runtime_fingerprint() if machine.accelerators else ""
        if fingerprint and (self._runtime is None or fingerprint != self._fingerprint):
            self._runtime, notes = ask_runtime()
            self._fingerprint = fingerprint
            machine = replace(machine, notes=machine.notes + notes)
        return usable(machine, self._runtime, self._data.cache)

    def follow(self, machine: Machine | None) -> None:
        """Verdicts follow where `machine` has noticeably more or less room than those before were made for."""
        if machine is None or machine is self._machine:
            return
        self._machine = machine
        if self._budget is None:
            self._work_out()
            return
        from app.recommend.budget import budget_of

        if budget_of(machine, self._loaded(machine.accelerators)).differs_from(self._budget):
            self._work_out()

    def judge(self, paths: Sequence[Path]) -> None:
        """Verdicts follow on these models, once the computer is known."""
        self._paths = tuple(paths)
        self._work_out()

    def _work_out(self) -> None:
        if self._machine is None or not self._paths:
            return
        if self._job is not None:
            self._is_outdated = True
            self._job.cancel()
            return
        machine, paths = self._machine, self._paths

        def work(control: JobControl) -> None:
            self._judge(machine, paths, control)

        self._job = jobs.run(
            self, "Tell how models of the library would run", work, on_value=self._tell, on_end=self._ended
        )

    def _judge(self, machine: Machine, paths: Sequence[Path], control: JobControl) -> None:
        """On the job's thread; one job at a time."""
        from app.library.needs import KnownNeeds
        from app.recommend.budget import budget_of
        from app.recommend.fit import fit
        from app.recommend.runs import corrected

        budget = budget_of(machine, self._loaded(machine.accelerators))
        if self._budget is not None and not budget.differs_from(self._budget):
            budget = self._budget  # else all verdicts would be a little different each time
        budget = corrected(budget, self._data.database)
        if budget != self._budget:
            control.emit(budget)
        self._needs = self._needs or KnownNeeds(self._data, USUAL_CONTEXT)
        fits: dict[Path, Fit] = {}
        told_at = time.monotonic()
        try:
            for path in paths:
                control.cancel.raise_if_cancelled()
                need, is_new = self._needs.of(path)
                placed = fit(need, budget) if need is not None else None
                if placed is not None and placed != self._told.get(path):
                    fits[path] = self._told[path] = placed
                if is_new:
                    time.sleep(BREATH_S)
                if fits and time.monotonic() - told_at > TELL_EVERY_S:
                    control.emit(fits)
                    fits, told_at = {}, time.monotonic()
        finally:  # what was found out before somebody cancelled counts as told
            if fits:
                control.emit(fits)
        self._needs.keep()

    def _tell(self, value: object) -> None:
        if isinstance(value, dict):
            self.found.emit(value)
        else:
            self._budget = value  # type: ignore[assignment]  # the only other thing that the job emits
            self.budget_changed.emit(value)

    def _ended(self) -> None:
        self._job = None
        if self._is_outdated:
            self._is_outdated = False
            self._work_out()
