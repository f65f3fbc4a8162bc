"""What a repository's page lists: its variants, what goes with them, and the titles between."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Qt

from app.core.units import format_bytes
from app.ui.pages import discover_words, hub_words
from app.ui.pages.discover_getting import NO_OFFER, Offer
from app.ui.pages.hub_judging import Judgement
from app.ui.parts import plain_tip
from app.ui.table_rows import ROW_ROLE, Headers, Index, Readers, RowModel

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.gguf import ModelFacts
    from app.hub import HubRepository, Variant
    from app.recommend.budget import Budget

CAPTION_ROLE = ROW_ROLE + 1
"""The second line of a cell."""

MOST_FILES = 1000
"""Of a kind: those who publish most have 60."""

MOST_BITS = 34
"""Per weight: with more, the parameters that the Hub tells are not those of the file."""


class Column(IntEnum):
    FILE = 0
    SIZE = 1
    IN_USE = 2
    VERDICT = 3
    ACTION = 4


@dataclass(frozen=True)
class VariantRow:
    """One line: a variant, or with `title` alone what the lines below it are.

    `is_model` is not true of projectors and drafts, of which there is no verdict. `facts` once its header was read;
    `parameters` as the Hub tells them, None where it does not. `is_refused`: only who has access gets it. `offer`: what
    its button does.
    """

    title: str = ""
    variant: Variant | None = None
    is_model: bool = False
    judgement: Judgement | None = None
    facts: ModelFacts | None = None
    parameters: int | None = None
    budget: Budget | None = None
    is_refused: bool = False
    offer: Offer = NO_OFFER

    @property
    def is_whole(self) -> bool:
        return self.variant is not None and self.variant.is_complete and not self.variant.is_cut

    @property
    def can_get(self) -> bool:
        return self.is_whole and not self.is_refused

    @property
    def has_button(self) -> bool:
        return self.can_get or self.offer.file is not None or self.offer.getting is not None

    @property
    def bits_per_weight(self) -> float | None:
        """Until the header is read, what size and parameters make of it."""
        if self.facts is not None:
            return self.facts.bits_per_weight
        if not self.is_model or not self.is_whole or self.variant is None or not self.parameters:
            return None
        bits = self.variant.size * 8 / self.parameters
        return bits if bits <= MOST_BITS else None


def rows_of(repository: HubRepository, *, is_refused: bool = False) -> list[VariantRow]:
    """Titles only where there is more than one kind of file; of each kind `MOST_FILES` at most."""
    grouped = repository.grouped
    rows = [
        VariantRow(variant=each, is_model=True, parameters=repository.parameters, is_refused=is_refused)
        for each in grouped.variants[:MOST_FILES]
    ]
    for title, variants in (
        (_tr("For images and sound, beside a model (mmproj)"), grouped.projectors),
        (_tr("Draft models, which write ahead for a larger one"), grouped.drafts),
    ):
        if variants:
            rows.append(VariantRow(title))
            rows += [VariantRow(variant=each, is_refused=is_refused) for each in variants[:MOST_FILES]]
    return rows


def hidden_files(repository: HubRepository) -> int:
    """How many are too many to be listed."""
    grouped = repository.grouped
    kinds = (grouped.variants, grouped.projectors, grouped.drafts)
    return sum(max(len(variants) - MOST_FILES, 0) for variants in kinds)


def row_at(index: Index) -> VariantRow | None:
    row = index.data(ROW_ROLE) if index.isValid() else None
    return row if isinstance(row, VariantRow) else None


class VariantRows(RowModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent, Column, _ROLES, _HEADERS, _key)

    def flags(self, index: Index) -> Qt.ItemFlag:
        row = row_at(index)
        if row is None or row.variant is None:
            return Qt.ItemFlag.NoItemFlags
        return super().flags(index)


def _key(row: VariantRow) -> object:
    return row.title or (row.variant.files[0].path if row.variant else "")


def titles() -> dict[Column, str]:
    return {
        Column.FILE: _tr("File"),
        Column.SIZE: _tr("Size"),
        Column.IN_USE: _tr("In use"),
        Column.VERDICT: _tr("Verdict"),
        Column.ACTION: "",
    }


def alignment(column: Column) -> Qt.AlignmentFlag:
    number = column in (Column.SIZE, Column.IN_USE)
    return Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft


def basis(row: VariantRow) -> str:
    """How the figures of a row are known."""
    if row.judgement is None:
        return ""
    need = row.judgement.need
    if need is None:
        return _tr("estimated")
    return _tr("a guess") if need.is_guess else _tr("exact")


def bases() -> tuple[str, ...]:
    return _tr("estimated"), _tr("a guess"), _tr("exact")


def _text(row: VariantRow, column: Column) -> str:
    variant, judgement = row.variant, row.judgement
    if variant is None:
        return row.title if column is Column.FILE else ""
    match column:
        case Column.FILE:
            return variant.label
        case Column.SIZE:
            return format_bytes(variant.size)
        case Column.IN_USE:
            return discover_words.in_use(judgement.fit, row.budget) if judgement and row.budget else ""
        case Column.VERDICT:
            return discover_words.verdict_look(judgement.fit.verdict).words if judgement else ""
        case Column.ACTION:
            return row.offer.words if row.has_button else ""


def _caption(row: VariantRow, column: Column) -> str:
    variant, judgement = row.variant, row.judgement
    if variant is None:
        return ""
    match column:
        case Column.FILE:
            return hub_words.kind_of(variant) or variant.files[0].name
        case Column.SIZE:
            bits = row.bits_per_weight
            told = _tr("{bits:.2f} bits per weight") if row.facts else _tr("≈ {bits:.1f} bits per weight")
            return told.format(bits=bits) if bits else ""
        case Column.IN_USE:
            return basis(row)
        case Column.VERDICT:
            return discover_words.left_over(judgement.fit) if judgement else ""
        case Column.ACTION:
            return ""


def _tip(row: VariantRow, column: Column) -> str:
    variant, judgement = row.variant, row.judgement
    if variant is None:
        return ""
    match column:
        case Column.FILE:
            paths = [file.path for file in variant.files[:5]]
            paths += [_tr("and {n} more").format(n=len(variant.files) - 5)] if len(variant.files) > 5 else []
            return plain_tip("\n".join([*paths, hub_words.kind_of(variant)]).strip())
        case Column.SIZE:
            return _tr("{count:,} bytes").format(count=variant.size)
        case Column.IN_USE:
            return (
                discover_words.in_use_exactly(judgement.fit, row.budget) if judgement and row.budget else ""
            )
        case Column.VERDICT:
            return discover_words.verdict_meaning(judgement.fit.verdict) if judgement else ""
        case Column.ACTION:
            tip = row.offer.tip(variant.label, variant.size)
            return plain_tip(tip) if row.has_button else hub_words.why_not(variant)


def _spoken(row: VariantRow, column: Column) -> str:
    if column is not Column.FILE:
        return ", ".join(filter(None, (_text(row, column), _caption(row, column))))
    shown = (Column.FILE, Column.SIZE, Column.IN_USE, Column.VERDICT)
    cells = [f"{_text(row, each)} {_caption(row, each)}".strip() for each in shown]
    getting = row.offer.getting
    if getting is not None:
        cells.append(getting.told)
    return ", ".join(filter(None, cells))


_HEADERS: Headers = {
    int(Qt.ItemDataRole.DisplayRole): lambda column: titles()[column],
    int(Qt.ItemDataRole.ToolTipRole): lambda column: {
        Column.IN_USE: _tr("Memory in use once the model is loaded with this context, of what is free now")
    }.get(column),
    int(Qt.ItemDataRole.TextAlignmentRole): lambda column: alignment(column) | Qt.AlignmentFlag.AlignVCenter,
}

_ROLES: Readers = {
    int(Qt.ItemDataRole.DisplayRole): _text,
    int(Qt.ItemDataRole.ToolTipRole): _tip,
    int(Qt.ItemDataRole.AccessibleTextRole): _spoken,
    ROW_ROLE: lambda row, column: row,
    CAPTION_ROLE: _caption,
}


def _tr(text: str) -> str:
    return QCoreApplication.translate("HubPage", text)
