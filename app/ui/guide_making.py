"""The built-in model in jobs: whether it has to be made, and making it with one progress over all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl, Progress
from app.storage import DataFolder
from app.ui import jobs


@dataclass(frozen=True)
class Standing:
    """How it stands with some quantizations of the guide.

    `can_be_made`: one is missing, damaged or from an earlier Nibble, and nothing speaks against making it.
    `outdated`: then, the files that would be made again; a list has the offer to make them in their place.
    """

    can_be_made: bool
    outdated: frozenset[Path] = frozenset()


def standing(folder: DataFolder, quantizations: Sequence[str], files: Iterable[Path]) -> Standing:
    """For a job: `files` are those the library can read, the guide's among them."""
    from app.guide import guide_fault, guide_is_current, guide_quantization
    from app.library import is_built_in

    if guide_is_current(folder, quantizations) or guide_fault() is not None:
        return Standing(can_be_made=False)

    def is_outdated(file: Path) -> bool:
        quantization = guide_quantization(file.name) if is_built_in(file, folder) else None
        return quantization is not None and not guide_is_current(folder, [quantization])

    return Standing(can_be_made=True, outdated=frozenset(filter(is_outdated, files)))


class GuideMaker(QObject):
    """Makes quantizations of the guide; what is made already takes no time.

    `made` carries their paths in the order asked for, `failed` an EnvironmentFault; `ended` comes last, whatever
    happened. Who cancels hears nothing more but `ended`, and may ask again at once.
    """

    progressed = Signal(object)
    made = Signal(object)
    failed = Signal(object)
    ended = Signal()

    def __init__(self, folder: DataFolder, parent: QObject) -> None:
        super().__init__(parent)
        self._folder = folder
        self._job: Job[list[Path]] | None = None
        self._wanted: tuple[str, ...] | None = None
        self._cancelled = False

    @property
    def running(self) -> bool:
        """Also while what was cancelled winds down."""
        return self._job is not None

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for it."""
        return self._wanted is not None

    def make(self, quantizations: Sequence[str]) -> None:
        """Now, or as soon as what was cancelled has ended."""
        self._wanted = tuple(quantizations)
        if not self.running:
            self._start(self._wanted)

    def cancel(self) -> None:
        self._wanted = None
        if self._job is not None:
            self._cancelled = True
            self._job.cancel()

    def _start(self, quantizations: Sequence[str]) -> None:
        folder = self._folder

        def work(control: JobControl) -> list[Path]:
            from app.guide import make_guide

            return make_guide(folder, quantizations, WholeProgress(control, _missing(folder, quantizations)))

        self._cancelled = False
        self._job = jobs.run(
            self,
            f"Make {', '.join(quantizations)} of the built-in model",
            work,
            on_progress=self._tell_progress,
            on_done=self._succeed,
            on_failed=self._fail,
            on_end=self._end,
        )

    def _tell_progress(self, progress: Progress) -> None:
        if self.wanted and not self._cancelled:
            self.progressed.emit(progress)

    def _succeed(self, paths: list[Path]) -> None:
        if self.wanted:
            self._wanted = None
            self.made.emit(paths)

    def _fail(self, fault: EnvironmentFault) -> None:
        if self.wanted and not self._cancelled:
            self._wanted = None
            self.failed.emit(fault)

    def _end(self) -> None:
        self._job = None
        if self._wanted is not None and self._cancelled:  # asked for again meanwhile
            self._start(self._wanted)
            return
        self._wanted = None
        self.ended.emit()


class WholeProgress(JobControl):
    """Tells how far all `parts` of something are together: each stage counted in bytes is one more of them.

    They count alike, and the whole never goes back: what is not counted in bytes only gives its name.
    """

    def __init__(self, whole: JobControl, parts: int) -> None:
        super().__init__(whole.cancel, whole.emit)
        self._whole = whole
        self._parts = max(parts, 1)
        self._stages: list[str] = []
        self._reached = 0.0

    def progress(self, stage: str, done: float = 0.0, total: float = 0.0, unit: str = "") -> None:
        if unit == "bytes" and total > 0:
            if stage not in self._stages:
                self._stages.append(stage)
            before = self._stages.index(stage)
            self._reached = max(self._reached, min(before + done / total, self._parts))
        self._whole.progress(stage, self._reached, self._parts)


def _missing(folder: DataFolder, quantizations: Sequence[str]) -> int:
    """How many files there are to be made: these, the one they are made from, and all of an earlier Nibble."""
    from app.convert import QUANTIZATIONS
    from app.guide import SOURCE_QUANTIZATION, guide_file, guide_is_current

    there = [kind.name for kind in QUANTIZATIONS if guide_file(folder, kind.name).exists()]
    return sum(not guide_is_current(folder, [each]) for each in {SOURCE_QUANTIZATION, *quantizations, *there})
