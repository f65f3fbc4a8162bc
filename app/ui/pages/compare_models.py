"""Where the Compare page's models come from, and what they will take."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QCoreApplication, QObject, Signal
from PySide6.QtWidgets import QMenu

from app.compare import ComparisonPlan, plan_comparison
from app.compare.pairing import (
    comparable,
    is_pair_asked_for,
    ladder,
    missing_steps,
    quantizations_of_one,
    suggested_pair,
)
from app.core.jobs import Job, JobControl
from app.gguf import read_facts
from app.guide import GUIDE_QUANTIZATIONS
from app.library import LibraryEntry
from app.memory import Keeper
from app.ui import jobs
from app.ui.guide_making import standing
from app.ui.parts import without_mnemonics
from app.ui.services import Services


class Shelf(QObject):
    """The models of the library that can answer, the built-in one last. `filled` after each look; `failed` carries
    a fault."""

    filled = Signal()
    failed = Signal(object)

    def __init__(self, services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._services = services
        self._job: Job[tuple[list[LibraryEntry], bool]] | None = None
        self._again = False
        self.known = False
        self.can_make_guide = False
        self.entries: list[LibraryEntry] = []
        services.preferences.changed.connect(self.look)

    @property
    def suggestion(self) -> Sequence[LibraryEntry]:
        """Two to begin with: quantizations of one model where there are any, and rather a model of the person's."""
        own = [entry for entry in self.entries if not self._services.is_built_in(entry.path)]
        groups = quantizations_of_one(own) or quantizations_of_one(self.entries)
        return suggested_pair(groups[0]) if groups else self.entries[:2]

    def look(self) -> None:
        """Now, or as soon as the look that is under way has ended."""
        if self._job is not None:
            self._again = True
            return
        services = self._services

        def work(control: JobControl) -> tuple[list[LibraryEntry], bool]:
            entries = comparable(services.scan(control))
            guide = standing(services.folder, GUIDE_QUANTIZATIONS, [entry.path for entry in entries])
            entries = [entry for entry in entries if entry.path not in guide.outdated]
            entries.sort(key=lambda entry: services.is_built_in(entry.path))
            return entries, guide.can_be_made

        self._job = jobs.run(
            self,
            "Look for models to compare",
            work,
            on_done=self._fill,
            on_failed=self.failed.emit,
            on_end=self._ended,
        )

    def _fill(self, found: tuple[list[LibraryEntry], bool]) -> None:
        self.entries, self.can_make_guide = found
        self.known = True
        if not self._again:
            self.filled.emit()

    def _ended(self) -> None:
        self._job = None
        if self._again:
            self._again = False
            self.look()


class Planner(QObject):
    """Works out what models will take together. `planned` comes for the last ones asked about only."""

    planned = Signal()

    def __init__(self, keeper: Keeper, parent: QObject) -> None:
        super().__init__(parent)
        self._keeper = keeper
        self._wanted: tuple[LibraryEntry, ...] = ()
        self._busy = False
        self.one_after_another = False
        self.plan: ComparisonPlan | None = None

    def drop(self) -> None:
        """The models have changed: what is known is about others."""
        self.plan, self._wanted = None, ()

    def work_out(self, models: Sequence[LibraryEntry]) -> None:
        self._wanted = tuple(models)
        if self._busy or not models:
            return
        self._busy = True
        asked = self._wanted
        keeper, in_turns = self._keeper, self.one_after_another

        def work(control: JobControl) -> ComparisonPlan:
            return plan_comparison([read_facts(entry.path) for entry in asked], keeper, in_turns)

        jobs.run(
            self,
            "Plan the comparison",
            work,
            on_done=lambda plan: self._take(asked, plan),
            on_failed=lambda fault: None,  # the pane tells when it loads its model
            on_end=lambda: self._ended(asked),
        )

    def _take(self, asked: tuple[LibraryEntry, ...], plan: ComparisonPlan) -> None:
        if asked == self._wanted:
            self.plan = plan
            self.planned.emit()

    def _ended(self, asked: tuple[LibraryEntry, ...]) -> None:
        self._busy = False
        if asked != self._wanted:
            self.work_out(self._wanted)


def fill_presets(
    menu: QMenu,
    entries: Sequence[LibraryEntry],
    take: Callable[[Sequence[LibraryEntry]], object],
    go_to_library: Callable[[], object],
) -> None:
    """For every model with several quantizations: the usual pair, the ladder from two bits to eight, and which of
    its steps are still to be made."""
    for group in quantizations_of_one(entries):
        if not menu.isEmpty():
            menu.addSeparator()
        pair, model = suggested_pair(group), group[0].plain_title
        first, second = (each.quantization or "?" for each in pair)
        if is_pair_asked_for(pair):
            words = _tr("{model}: Q4 vs Q8 ({first}, {second})")
        else:
            words = _tr("{model}: {first} vs {second}")
        _add(menu, words.format(model=model, first=first, second=second), take, pair)
        steps = ladder(group)
        if len(steps) > len(pair):
            named = ", ".join(each.quantization or "?" for each in steps)
            _add(menu, _tr("{model}: ladder ({steps})").format(model=model, steps=named), take, steps)
        if missing := missing_steps(group):
            words = _tr("For the whole ladder, make {steps} in the library…").format(steps=", ".join(missing))
            menu.addAction(words).triggered.connect(lambda: go_to_library())
    if menu.isEmpty():
        menu.addAction(_tr("No model here has two quantizations yet")).setEnabled(False)
        menu.addAction(_tr("Make one in the library")).triggered.connect(lambda: go_to_library())


def _add(
    menu: QMenu,
    words: str,
    take: Callable[[Sequence[LibraryEntry]], object],
    models: Sequence[LibraryEntry],
) -> None:
    menu.addAction(without_mnemonics(words)).triggered.connect(lambda: take(models))


def _tr(text: str) -> str:
    return QCoreApplication.translate("Compare", text)
