"""What the library lists: one `Row` for each model or faulty file, and the Qt model over them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QCoreApplication,
    QObject,
    QSortFilterProxyModel,
    Qt,
)

from app.core.errors import EnvironmentFault
from app.core.units import format_bytes, format_count
from app.ui import guide
from app.ui.parts import plain_tip
from app.ui.table_rows import ROW_ROLE, Headers, Index, Readers, RowModel

if TYPE_CHECKING:  # the library is imported by the job that scans, not by the window that opens
    from app.library import LibraryEntry

SORT_ROLE = ROW_ROLE + 1


class Column(IntEnum):
    MODEL = 0
    QUANTIZATION = 1
    PARAMETERS = 2
    SIZE = 3
    CONTEXT = 4
    ACTIONS = 5


@dataclass(frozen=True)
class Row:
    """One line of the list. `file_bytes` in bytes, `context` in tokens; 0 where the file does not say.

    With a `fault` the file cannot be used and the numbers are 0. What can be read and yet is no model to chat
    with, an adapter say, has the reason in `why_no_chat`. `built_in`: a file of Nibble's own model; with `can_try`
    this stands for the one that is not made yet, and `path` is the folder it will be in.
    """

    path: Path
    title: str
    subtitle: str
    architecture: str = ""
    quantization: str = ""
    bits_per_weight: float = 0.0
    parameters: int = 0
    file_bytes: int = 0
    context: int = 0
    can_chat: bool = False
    can_quantize: bool = False
    can_try: bool = False
    built_in: bool = False
    why_no_chat: str = ""
    fault: EnvironmentFault | None = None

    @property
    def label(self) -> str:
        """How a sentence calls it: `Bard (Q4_K_M)`."""
        return f"{self.title} ({self.quantization})" if self.quantization else self.title


def row_of(entry: LibraryEntry, *, built_in: bool = False) -> Row:
    """The line for a library entry."""
    from app.convert import can_quantize

    facts = entry.facts
    if facts is None or entry.fault is not None:
        return Row(entry.path, entry.name, str(entry.path.parent), built_in=built_in, fault=entry.fault)
    parts = f" (+{len(facts.files) - 1})" if len(facts.files) > 1 else ""
    return Row(
        path=entry.path,
        title=facts.name or entry.name,
        subtitle=entry.why_no_chat or f"{entry.path.name}{parts}",
        architecture=facts.architecture or "",
        quantization=facts.quantization or "",
        bits_per_weight=facts.bits_per_weight or 0.0,
        parameters=facts.parameters,
        file_bytes=facts.file_bytes,
        context=facts.context_length or 0,
        can_chat=entry.can_chat,
        # Any file of the guide stands for its checkpoint, from which every type is made.
        can_quantize=entry.can_chat and (built_in or can_quantize(facts)),
        built_in=built_in,
        why_no_chat=entry.why_no_chat or "",
    )


def format_context(tokens: int) -> str:
    """`131072` -> `128k`, `512` -> `512`: context lengths are powers of two and known by their k."""
    return f"{tokens // 1024}k" if tokens >= 1024 and tokens % 1024 == 0 else f"{tokens:,}"


def library_rows(parent: QObject) -> RowModel:
    return RowModel(parent, Column, _ROLES, _HEADERS, lambda row: row.path)


class RowFilter(QSortFilterProxyModel):
    """Sorts, and shows the rows in which every word of the filter occurs."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._words: list[str] = []
        self.setSortRole(SORT_ROLE)
        self.setDynamicSortFilter(True)

    def set_words(self, text: str) -> None:
        self.beginFilterChange()
        self._words = text.casefold().split()
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        row = self.sourceModel().index(source_row, 0, source_parent).data(ROW_ROLE)
        mark = guide.badge_text() if row.built_in else ""
        text = f"{row.title} {row.subtitle} {row.architecture} {row.quantization} {mark}".casefold()
        return all(word in text for word in self._words)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        data = super().headerData(section, orientation, role)
        if role == Qt.ItemDataRole.DisplayRole and section == self.sortColumn() and data:
            # Beside the words: the style would put its own arrow at the far end of a wide column.
            return f"{data} {'↑' if self.sortOrder() is Qt.SortOrder.AscendingOrder else '↓'}"
        return data

    def lessThan(self, left: Index, right: Index) -> bool:
        (left_rank, *left_key), (right_rank, *right_key) = left.data(SORT_ROLE), right.data(SORT_ROLE)
        if left_rank != right_rank:  # the same whichever way the column is sorted
            return bool((left_rank < right_rank) == (self.sortOrder() is Qt.SortOrder.AscendingOrder))
        return bool(left_key < right_key)


def row_at(index: Index) -> Row | None:
    row = index.data(ROW_ROLE) if index.isValid() else None
    return row if isinstance(row, Row) else None


def _titles() -> dict[Column, str]:
    return {
        Column.MODEL: _tr("Model"),
        Column.QUANTIZATION: _tr("Quantization"),
        Column.PARAMETERS: _tr("Parameters"),
        Column.SIZE: _tr("Size"),
        Column.CONTEXT: _tr("Context"),
        Column.ACTIONS: "",
    }


def _explanations() -> dict[Column, str]:
    return {
        Column.QUANTIZATION: _tr("How many bits each weight is stored in, and in which scheme"),
        Column.PARAMETERS: _tr("How many weights the model has"),
        Column.SIZE: _tr("Size of the file; the model needs a little more memory than this"),
        Column.CONTEXT: _tr("The longest conversation the model was made for, in tokens (1k = 1024)"),
    }


def _text(row: Row, column: Column) -> str:
    if column is Column.MODEL:
        return row.title
    if row.fault is not None or column is Column.ACTIONS:
        return ""
    if row.can_try:
        return ""  # not made yet, so nobody has measured it
    if column is Column.QUANTIZATION:
        return row.quantization
    if column is Column.PARAMETERS:
        return format_count(row.parameters)
    if column is Column.SIZE:
        return format_bytes(row.file_bytes)
    return format_context(row.context) if row.context else "–"


def _tip(row: Row, column: Column) -> str | None:
    if row.fault is not None:
        return plain_tip(f"{row.path}\n{row.fault.message}\n{row.fault.hint}".strip())
    if column is Column.MODEL and row.built_in:
        return plain_tip(
            f"{row.title}: {guide.badge_text()}\n{guide.explanation()}\n{row.subtitle if row.can_try else row.path}"
        )
    if row.can_try:
        return None
    if column is Column.MODEL:
        return plain_tip(f"{row.title}\n{row.path}")
    if column is Column.QUANTIZATION:
        return _tr("{bits:.2f} bits per weight").format(bits=row.bits_per_weight)
    if column is Column.PARAMETERS:
        return _tr("{count:,} parameters").format(count=row.parameters)
    if column is Column.SIZE:
        return _tr("{count:,} bytes").format(count=row.file_bytes)
    if column is Column.CONTEXT and row.context:
        return _tr("{count:,} tokens").format(count=row.context)
    return None


def _sort_key(row: Row, column: Column) -> tuple[Any, ...]:
    by_name = (row.title.casefold(), -row.file_bytes, str(row.path))
    first = {
        Column.QUANTIZATION: row.bits_per_weight,
        Column.PARAMETERS: row.parameters,
        Column.SIZE: row.file_bytes,
        Column.CONTEXT: row.context,
    }.get(column, 0)
    # Behind the person's models what cannot be used, and behind that what belongs to Nibble.
    return (2 * row.built_in + (row.fault is not None or row.can_try), first, *by_name)


def _spoken(row: Row, column: Column) -> str:
    if column is not Column.MODEL:
        return _text(row, column)
    if row.fault is not None:
        return f"{row.title}: {row.fault}"
    words = [row.title, *(_text(row, each) for each in (Column.QUANTIZATION, Column.PARAMETERS, Column.SIZE))]
    if row.built_in:
        words[1:1] = [guide.badge_text(), row.subtitle if row.can_try else ""]
    return ", ".join(filter(None, words))


def _alignment(column: Column) -> Qt.AlignmentFlag:
    number = column in (Column.PARAMETERS, Column.SIZE, Column.CONTEXT)
    horizontal = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
    return horizontal | Qt.AlignmentFlag.AlignVCenter


_HEADERS: Headers = {
    int(Qt.ItemDataRole.DisplayRole): lambda column: _titles()[column],
    int(Qt.ItemDataRole.ToolTipRole): lambda column: _explanations().get(column),
    int(Qt.ItemDataRole.TextAlignmentRole): lambda column: _alignment(column),
}

_ROLES: Readers = {
    int(Qt.ItemDataRole.DisplayRole): _text,
    int(Qt.ItemDataRole.ToolTipRole): _tip,
    int(Qt.ItemDataRole.AccessibleTextRole): _spoken,
    int(Qt.ItemDataRole.TextAlignmentRole): lambda row, column: _alignment(column),
    ROW_ROLE: lambda row, column: row,
    SORT_ROLE: _sort_key,
}


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
