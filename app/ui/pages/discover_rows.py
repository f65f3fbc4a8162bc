"""What Discover lists: one `Row` for each model of the catalogue, and the Qt models that hold, sort and filter them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QCoreApplication,
    QObject,
    QSortFilterProxyModel,
    Qt,
)

from app.core.units import format_bytes
from app.ui.pages import discover_words as words
from app.ui.parts import plain_tip
from app.ui.table_rows import ROW_ROLE, Headers, Index, Readers, RowModel

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.recommend.budget import Budget
    from app.recommend.catalogue import CatalogueModel
    from app.recommend.choose import Recommendation, Step
    from app.ui.pages.discover_offers import Listing

CAPTION_ROLE = ROW_ROLE + 1
"""The second line of a cell."""


class Column(IntEnum):
    MODEL = 0
    BEST = 1
    IN_USE = 2
    SPEED = 3
    VERDICT = 4


class Order(Enum):
    BEST = "best"
    NAME = "name"
    SIZE = "size"
    SPEED = "speed"
    AGE = "age"


@dataclass(frozen=True)
class Row:
    """One line of the list. `place`: counted from 0, the best for this computer first; `is_here`: a file of the
    recommended quantization is in the library."""

    model: CatalogueModel
    recommendation: Recommendation
    budget: Budget
    place: int
    is_here: bool = False

    @property
    def step(self) -> Step:
        return self.recommendation.step


def rows_of(listing: Listing, here: frozenset[tuple[str, str]]) -> list[Row]:
    """In the order of their ids, so that the same models always make the same rows; `here`: ids with quantizations."""
    rows = [
        Row(
            choice.model,
            choice.recommendation,
            listing.budget,
            place,
            (choice.model.id, choice.recommendation.step.quantization) in here,
        )
        for place, choice in enumerate(listing.choices)
    ]
    return sorted(rows, key=lambda row: row.model.id)


def row_at(index: Index) -> Row | None:
    row = index.data(ROW_ROLE) if index.isValid() else None
    return row if isinstance(row, Row) else None


class Rows(RowModel):
    """Rows of Discover, with what they are sorted by."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent, Column, _ROLES, _HEADERS, lambda row: row.model.id)
        self._keys: dict[Order, list[Any]] = {}

    def keys(self, order: Order) -> list[Any]:
        """In the order of the rows."""
        if order not in self._keys:
            self._keys[order] = [_KEYS[order](row) for row in self.rows]
        return self._keys[order]

    def set_rows(self, rows: Sequence[Row]) -> None:
        self._keys = {}
        super().set_rows(rows)


class RowFilter(QSortFilterProxyModel):
    """Shows, in some order, the models for some use in which every word looked for occurs."""

    def __init__(self, rows: Rows, parent: QObject) -> None:
        super().__init__(parent)
        self._rows = rows
        self._words: list[str] = []
        self._use = ""
        self._order = Order.BEST
        self.setSourceModel(rows)
        self.setDynamicSortFilter(True)
        self.sort(0)

    def set_words(self, text: str) -> None:
        self.beginFilterChange()
        self._words = text.casefold().split()
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def set_use(self, use: str) -> None:
        """One of the catalogue's uses, or empty for all models."""
        self.beginFilterChange()
        self._use = use
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def set_order(self, order: Order) -> None:
        self._order = order
        self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        model = self._rows.rows[source_row].model
        if self._use and self._use not in model.uses:
            return False
        text = f"{model.name} {model.id} {model.family} {model.repository}".casefold()
        return all(word in text for word in self._words)

    def lessThan(self, left: Index, right: Index) -> bool:
        keys = self._rows.keys(self._order)
        return bool(keys[left.row()] < keys[right.row()])


def titles() -> dict[Column, str]:
    return {
        Column.MODEL: _tr("Model"),
        Column.BEST: _tr("Best for you"),
        Column.IN_USE: _tr("In use"),
        Column.SPEED: _tr("Speed"),
        Column.VERDICT: _tr("Verdict"),
    }


def alignment(column: Column) -> Qt.AlignmentFlag:
    number = column in (Column.BEST, Column.IN_USE, Column.SPEED)
    return Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft


def widest_texts(column: Column) -> tuple[str, ...]:
    """What a column of numbers must have room for, in this language."""
    match column:
        case Column.BEST:
            return ("MXFP4_MOE",)
        case Column.IN_USE:
            return (words.used_of(99_900_000_000, 99_900_000_000),)
        case Column.SPEED:
            return (words.tokens_per_s(0.12, 0.34),)
        case _:
            return ("",)


def _explanations() -> dict[Column, str]:
    return {
        Column.BEST: _tr("The quantization to take on this computer, and how large its file is"),
        Column.IN_USE: _tr(
            "Memory in use once the model is loaded with this context, of what is free now; what the driver of the "
            "GPU and Nibble itself need is taken off before"
        ),
        Column.SPEED: _tr("How fast it writes; a token is about three quarters of an English word"),
        Column.VERDICT: _tr("Where the model has room, and what then stays free"),
    }


def _text(row: Row, column: Column) -> str:
    match column:
        case Column.MODEL:
            return row.model.name
        case Column.BEST:
            return row.step.quantization
        case Column.IN_USE:
            return words.in_use(row.step.fit, row.budget)
        case Column.SPEED:
            return words.speed_range(row.step.fit)
        case Column.VERDICT:
            return words.verdict_look(row.step.fit.verdict).words


def _caption(row: Row, column: Column) -> str:
    match column:
        case Column.MODEL:
            model, names = row.model, words.use_names()
            here = _tr("In your library") if row.is_here else ""
            uses = ", ".join(names[use] for use in names if use in model.uses and use != "chat")
            facts = (here, words.maker(model), words.parameters(model), model.released, uses)
            return " · ".join(filter(None, facts))
        case Column.BEST:
            return format_bytes(row.step.file_bytes)
        case Column.IN_USE:
            return words.in_use_where(row.step.fit, row.budget)
        case Column.SPEED:
            return words.speed_basis(row.step.fit)
        case Column.VERDICT:
            return words.left_over(row.step.fit)


def _tip(row: Row, column: Column) -> str:
    model, step = row.model, row.step
    match column:
        case Column.MODEL:
            names = words.use_names()
            lines = [
                model.name,
                model.repository,
                _tr("Good for: {uses}").format(uses=", ".join(names.get(use, use) for use in model.uses)),
                _tr("Licence: {licence}").format(licence=model.licence),
            ]
            longest = model.geometry.get("context_length")
            if isinstance(longest, int):
                lines.append(_tr("Context: up to {count:,} tokens").format(count=longest))
            return plain_tip("\n".join(lines))
        case Column.BEST:
            size = _tr("{count:,} bytes").format(count=step.file_bytes)
            return f"{size}\n{_tr('{bits:.2f} bits per weight').format(bits=step.bits_per_weight)}"
        case Column.IN_USE:
            return words.in_use_exactly(step.fit, row.budget)
        case Column.SPEED:
            return words.speed_explained(step.fit)
        case Column.VERDICT:
            told = (
                words.verdict_meaning(step.fit.verdict),
                row.recommendation.reason,
                row.recommendation.warning,
            )
            return plain_tip("\n".join(filter(None, told)))


def _spoken(row: Row, column: Column) -> str:
    if column is not Column.MODEL:
        return f"{_text(row, column)}, {_caption(row, column)}"
    return f"{row.model.name}: {words.step_spoken(row.step, row.budget)}"


_KEYS: dict[Order, Callable[[Row], Any]] = {
    Order.BEST: lambda row: row.place,
    Order.NAME: lambda row: row.model.name.casefold(),
    Order.SIZE: lambda row: (row.step.file_bytes, row.model.name),
    Order.SPEED: lambda row: (row.step.fit.free_bytes < 0, -row.step.fit.speed.middle, row.place),
    Order.AGE: lambda row: (_reversed(row.model.released), row.place),
}

_HEADERS: Headers = {
    int(Qt.ItemDataRole.DisplayRole): lambda column: titles()[column],
    int(Qt.ItemDataRole.ToolTipRole): lambda column: _explanations().get(column),
    int(Qt.ItemDataRole.TextAlignmentRole): lambda column: alignment(column) | Qt.AlignmentFlag.AlignVCenter,
}

_ROLES: Readers = {
    int(Qt.ItemDataRole.DisplayRole): _text,
    int(Qt.ItemDataRole.ToolTipRole): _tip,
    int(Qt.ItemDataRole.AccessibleTextRole): _spoken,
    int(Qt.ItemDataRole.TextAlignmentRole): lambda row, column: (
        alignment(column) | Qt.AlignmentFlag.AlignVCenter
    ),
    ROW_ROLE: lambda row, column: row,
    CAPTION_ROLE: _caption,
}


def _reversed(released: str) -> tuple[int, int]:
    """Of `2025-04`: later ones first, what is not known last."""
    year, _, month = released.partition("-")
    return -int(year or 0), -int(month or 0)


def _tr(text: str) -> str:
    return QCoreApplication.translate("DiscoverPage", text)
