"""The built-in model among the rows of the Library: what it takes to be made, and its row before it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.storage import DataFolder
from app.ui import guide
from app.ui.guide_making import Standing, standing
from app.ui.pages.library_rows import Row, row_of


@dataclass(frozen=True)
class Look:
    """What a look at the library's folders has found, but for a guide that is `outdated`: a row of its own stands
    for that. `guide_fault`: why the guide cannot be made; `guide`: how it stands with what "Try it now" compares.
    """

    rows: list[Row]
    guide: Standing
    guide_fault: EnvironmentFault | None

    @property
    def is_untouched(self) -> bool:
        """Whether there is nothing to list: no file of the person's, and nothing made of the guide."""
        return not self.rows and not self.guide.outdated


def look(sources: Sequence[Path], data: DataFolder, control: JobControl) -> Look:
    """For a job: looks, and emits each row as it is found."""
    from app.guide import GUIDE_QUANTIZATIONS, guide_fault
    from app.library import LibraryEntry, entry_fault, is_built_in, scan

    def row(entry: LibraryEntry) -> Row:
        told = replace(entry, fault=entry_fault(entry, data))
        return row_of(told, built_in=is_built_in(entry.path, data))

    entries = scan(sources, control.cancel, lambda entry: control.emit(row(entry)))
    found = standing(data, GUIDE_QUANTIZATIONS, [entry.path for entry in entries if entry.can_chat])
    rows = [row(entry) for entry in entries if entry.path not in found.outdated]
    return Look(rows, found, guide_fault())


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
        return [Row(folder, guide.name(), "", fault=found.guide_fault, built_in=True)]
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
