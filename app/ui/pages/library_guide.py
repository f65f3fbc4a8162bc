"""The built-in model among the rows of the Library: what it takes to be made, and its row before it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.storage import DataFolder
from app.ui import guide
from app.ui.pages.library_rows import Row, row_of


@dataclass(frozen=True)
class Look:
    """What a look at the library's folders has found. `guide_fault`: why the built-in model cannot be made."""

    rows: list[Row]
    guide_fault: EnvironmentFault | None


def look(sources: Sequence[Path], data: DataFolder, control: JobControl) -> Look:
    """For a job: looks, and emits each row as it is found."""
    from app.guide import guide_fault
    from app.library import LibraryEntry, is_built_in, scan

    def row(entry: LibraryEntry) -> Row:
        return row_of(entry, built_in=is_built_in(entry.path, data))

    entries = scan(sources, control.cancel, lambda entry: control.emit(row(entry)))
    return Look([row(entry) for entry in entries], guide_fault())


def is_pair_made(rows: Iterable[Row]) -> bool:
    """Whether both quantizations that "Try it now" compares are there."""
    from app.guide import GUIDE_QUANTIZATIONS

    return _made(rows).issuperset(GUIDE_QUANTIZATIONS)


def has_nothing_to_list(rows: Iterable[Row]) -> bool:
    """Whether there is nothing yet but, perhaps, a part of what "Try it now" makes."""
    from app.guide import GUIDE_QUANTIZATIONS, SOURCE_QUANTIZATION

    rows = list(rows)
    parts = {SOURCE_QUANTIZATION, *GUIDE_QUANTIZATIONS}
    return all(row.built_in and row.quantization in parts for row in rows) and not is_pair_made(rows)


def row_before_made(folder: Path, fault: EnvironmentFault | None) -> Row:
    """The row that stands for the guide as long as it is not made; `folder`: where its files will be."""
    from app.guide import SOURCE_QUANTIZATION

    if fault is not None:
        return Row(folder, guide.name(), "", fault=fault, built_in=True)
    return Row(
        folder,
        guide.name(),
        _tr("made at first use, in seconds"),
        quantization=SOURCE_QUANTIZATION,
        can_try=True,
        can_quantize=True,
        built_in=True,
    )


def _made(rows: Iterable[Row]) -> set[str]:
    return {row.quantization for row in rows if row.built_in and row.can_chat}


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
