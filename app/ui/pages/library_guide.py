"""The built-in model among the rows of the Library: what it takes to be made, and its row before it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.ui import guide
from app.ui.guide_making import Standing, standing
from app.ui.pages.library_rows import Row, row_of
from app.ui.services import Services

if TYPE_CHECKING:  # the engine comes with the job that works verdicts out
    from app.recommend.fit import Fit

TELL_EVERY_S = 0.3


@dataclass(frozen=True)
class Look:
    """What a look at the library's folders has found, but for a guide that is `outdated`: a row of its own stands
    for that. `guide_fault`: why the guide cannot be made; `guide`: how it stands with what "Try it now" compares.
    `outdated_checks`: what was checked and is another file now.
    """

    rows: list[Row]
    guide: Standing
    guide_fault: EnvironmentFault | None
    outdated_checks: Sequence[Path] = ()

    @property
    def is_untouched(self) -> bool:
        """Whether there is nothing to list: no file of the person's, and nothing made of the guide."""
        return not self.rows and not self.guide.outdated


def look(
    services: Services,
    control: JobControl,
    fit_of: Callable[[Path], Fit | None],
    earlier: Sequence[Row] = (),
    *,
    tells_early: bool,
) -> Look:
    """For a job: looks, and where it `tells_early`, emits rows while it does, some at a time. `fit_of`: how a model
    would run, as far as that is known. Of the `earlier` rows those stay that nothing has changed in."""
    from app.guide import GUIDE_QUANTIZATIONS, guide_fault
    from app.library import EntryState, LibraryEntry, entry_fault, is_built_in

    data = services.folder
    known = {row.path: row for row in earlier}
    guides = str(data.guide)

    def is_guide(entry: LibraryEntry) -> bool:
        return str(entry.path).startswith(guides) and is_built_in(entry.path, data)

    def row(entry: LibraryEntry) -> Row:
        fit, before = fit_of(entry.path), known.get(entry.path)
        if before is not None and before.entry is entry and before.state == entry.state and before.fit is fit:
            return before
        built_in = is_guide(entry)
        if entry.fault is not None:
            entry = replace(entry, fault=entry_fault(entry, data))
        return row_of(entry, built_in=built_in, fit=fit)

    early = _Early(control)

    def tell(entry: LibraryEntry) -> None:
        if not is_guide(entry):  # which may turn out to be no list at all
            early.add(row(entry))

    entries = services.scan(control, tell if tells_early else None)
    found = standing(data, GUIDE_QUANTIZATIONS, [entry.path for entry in entries if entry.can_chat])
    rows = [
        row(entry)
        for entry in entries
        if entry.path not in found.outdated
        # The guide is made again when it is wanted: nobody misses its files.
        and not (entry.state is EntryState.GONE and is_guide(entry))
    ]
    return Look(rows, found, guide_fault())


class _Early:
    """Rows that are shown before the look is over."""

    def __init__(self, control: JobControl) -> None:
        self._control = control
        self._rows: list[Row] = []
        self._told_at = time.monotonic()

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if time.monotonic() - self._told_at > TELL_EVERY_S:
            self._control.emit(self._rows)
            self._rows, self._told_at = [], time.monotonic()


def rows_to_make(found: Look, folder: Path) -> list[Row]:
    """The row that stands for the guide as long as it is not made as a whole, if it is not; `folder`: where its
    files will be."""
    from app.guide import SOURCE_QUANTIZATION

    made = [row for row in found.rows if row.built_in]
    if found.guide.can_be_made:
        return [
            Row(
                folder,
                guide.name(),
                _what_is_made(made, found.guide),
                quantization=SOURCE_QUANTIZATION,
                can_try=True,
                can_quantize=True,
                built_in=True,
            )
        ]
    if found.guide_fault is not None and not _is_pair_made(made):
        return [Row(folder, guide.name(), "", state="damaged", fault=found.guide_fault, built_in=True)]
    return []


def _what_is_made(made: Sequence[Row], found: Standing) -> str:
    from app.guide import GUIDE_QUANTIZATIONS

    if found.outdated:
        return _tr("from an earlier Nibble; made again at its next use, in seconds")
    if any(row.fault is not None for row in made):
        return _tr("made again at its next use, in seconds")
    if made:
        first, second = GUIDE_QUANTIZATIONS
        return _tr("{first} beside {second}, made in seconds").format(first=first, second=second)
    return _tr("made at first use, in seconds")


def _is_pair_made(made: Sequence[Row]) -> bool:
    from app.guide import GUIDE_QUANTIZATIONS

    return {row.quantization for row in made if row.can_chat}.issuperset(GUIDE_QUANTIZATIONS)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
