"""Where the Compare page's models come from, and what they will take."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QCoreApplication, QObject, Signal
from PySide6.QtWidgets import QMenu

from app.compare import ComparisonPlan, plan_comparison
from app.compare.pairing import comparable, ladder, quantizations_of_one, suggested_pair
from app.core.jobs import Job, JobControl
from app.library import LibraryEntry, scan
from app.ui import jobs
from app.ui.pages.compare_picker import name_of
from app.ui.parts import without_mnemonics
from app.ui.services import Services


class Shelf(QObject):
    """The models of the library that can answer. `filled` after each look; `failed` carries a fault."""

    filled = Signal()
    failed = Signal(object)

    def __init__(self, services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._services = services
        self._job: Job[list[LibraryEntry]] | None = None
        self._again = False
        self.known = False
        self.entries: list[LibraryEntry] = []
        services.preferences.changed.connect(self.look)

    def look(self) -> None:
        """Now, or as soon as the look that is under way has ended."""
        if self._job is not None:
            self._again = True
            return
        sources = self._services.library_folders

        def work(control: JobControl) -> list[LibraryEntry]:
            return comparable(scan(sources, control.cancel))

        self._job = jobs.run(
            self,
            "Look for models to compare",
            work,
            on_done=self._fill,
            on_failed=self.failed.emit,
            on_end=self._ended,
        )

    def _fill(self, entries: list[LibraryEntry]) -> None:
        self.entries, self.known = entries, True
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

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._wanted: tuple[LibraryEntry, ...] = ()
        self._busy = False
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
        facts = [entry.facts for entry in asked if entry.facts is not None]

        def work(control: JobControl) -> ComparisonPlan:
            return plan_comparison(facts)

        jobs.run(
            self,
            "Plan the comparison",
            work,
            on_done=lambda plan: self._take(asked, plan),
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
    """For every model with several quantizations: the usual pair, and the ladder through all of them."""
    for group in quantizations_of_one(entries):
        pair = suggested_pair(group)
        words = _tr("{model}: {first} against {second}").format(
            model=name_of(pair[0]), first=pair[0].quantization, second=pair[1].quantization
        )
        _add(menu, words, take, pair)
        if len(group) > len(pair):
            steps = ladder(group)
            _add(
                menu,
                f"{name_of(steps[0])}: {', '.join(each.quantization or '?' for each in steps)}",
                take,
                steps,
            )
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
