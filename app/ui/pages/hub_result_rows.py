"""What a search of the Hub lists: one `Result` for each repository, and the Qt model over them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Qt

from app.core.units import format_count
from app.ui.pages import discover_words, hub_words
from app.ui.parts import plain_tip
from app.ui.table_rows import ROW_ROLE, Headers, Index, Readers, RowModel

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.hub import FoundModel
    from app.recommend.fit import Fit

CAPTION_ROLE = ROW_ROLE + 1
"""The second line of a cell."""


class Column(IntEnum):
    MODEL = 0
    PARAMETERS = 1
    DOWNLOADS = 2
    CHANGED = 3
    VERDICT = 4


@dataclass(frozen=True)
class Result:
    """One line. `fit` is that of Q4_K_M, worked out from the catalogue or the parameters, or, with `read`, that of the
    variant of this name whose header was read; None while or because it is not known."""

    model: FoundModel
    fit: Fit | None = None
    read: str = ""

    @property
    def name(self) -> str:
        return self.model.id.partition("/")[2]


def result_at(index: Index) -> Result | None:
    row = index.data(ROW_ROLE) if index.isValid() else None
    return row if isinstance(row, Result) else None


class ResultRows(RowModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent, Column, _ROLES, _HEADERS, lambda row: row.model.id)


def titles() -> dict[Column, str]:
    return {
        Column.MODEL: _tr("Model"),
        Column.PARAMETERS: _tr("Parameters"),
        Column.DOWNLOADS: _tr("Downloads"),
        Column.CHANGED: _tr("Changed"),
        Column.VERDICT: _tr("Verdict"),
    }


def alignment(column: Column) -> Qt.AlignmentFlag:
    number = column in (Column.PARAMETERS, Column.DOWNLOADS, Column.CHANGED)
    return Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft


def widest_texts(column: Column) -> tuple[str, ...]:
    """What a column of numbers must have room for, in this language."""
    match column:
        case Column.PARAMETERS:
            return ("99.9 B",)
        case Column.DOWNLOADS:
            return (hub_words.likes(99_900),)
        case Column.CHANGED:
            return (_tr("{n} months ago").format(n=11),)
        case _:
            return ("",)


def _explanations() -> dict[Column, str]:
    return {
        Column.DOWNLOADS: _tr("In the last 30 days"),
        Column.VERDICT: _tr(
            "Where the model would have room on this computer: an estimate for Q4_K_M, exact for a file whose header "
            "was read"
        ),
    }


def _text(row: Result, column: Column) -> str:
    model = row.model
    match column:
        case Column.MODEL:
            return row.name
        case Column.PARAMETERS:
            return format_count(model.parameters) if model.parameters else "–"
        case Column.DOWNLOADS:
            return format_count(model.downloads)
        case Column.CHANGED:
            return hub_words.ago(model.changed_at) if model.changed_at else "–"
        case Column.VERDICT:
            return discover_words.verdict_look(row.fit.verdict).words if row.fit else "–"


def _caption(row: Result, column: Column) -> str:
    model = row.model
    match column:
        case Column.MODEL:
            told = (
                model.author,
                hub_words.licence_name(model.licence),
                _tr("gated") if model.is_gated else "",
                _tr("private") if model.is_private else "",
                "" if model.has_gguf else _tr("no GGUF"),
            )
            return " · ".join(filter(None, map(hub_words.plain, told)))
        case Column.PARAMETERS:
            return hub_words.plain(model.architecture or "")
        case Column.DOWNLOADS:
            return hub_words.likes(model.likes)
        case Column.CHANGED:
            return f"{model.changed_at:%Y-%m-%d}" if model.changed_at else ""
        case Column.VERDICT:
            if row.fit is None:
                return _tr("size not told") if not model.parameters else ""
            return _tr("{file}, exact").format(file=row.read) if row.read else _tr("in Q4_K_M, estimated")


def _tip(row: Result, column: Column) -> str:
    model = row.model
    match column:
        case Column.MODEL:
            lines = [
                model.id,
                _tr("Licence: {licence}").format(licence=hub_words.licence_name(model.licence)),
            ]
            lines += [
                _tr("Made from {model}").format(model=hub_words.plain(each)) for each in model.base_models[:3]
            ]
            if model.context_length:
                lines.append(_tr("Context: up to {count:,} tokens").format(count=model.context_length))
            return plain_tip("\n".join(lines))
        case Column.PARAMETERS:
            return f"{model.parameters:,}" if model.parameters else _tr("The Hub does not tell")
        case Column.DOWNLOADS:
            return _tr("{count:,} downloads in the last 30 days").format(count=model.downloads)
        case Column.CHANGED:
            return f"{model.changed_at:%Y-%m-%d %H:%M}" if model.changed_at else ""
        case Column.VERDICT:
            if row.fit is None:
                return ""
            meaning = discover_words.verdict_meaning(row.fit.verdict)
            return plain_tip(f"{meaning}\n{discover_words.left_over(row.fit)}")


def _spoken(row: Result, column: Column) -> str:
    if column is not Column.MODEL:
        return f"{_text(row, column)}, {_caption(row, column)}"
    cells = (f"{_text(row, each)} {_caption(row, each)}" for each in Column)
    return ", ".join(cells)


_HEADERS: Headers = {
    int(Qt.ItemDataRole.DisplayRole): lambda column: titles()[column],
    int(Qt.ItemDataRole.ToolTipRole): lambda column: _explanations().get(column),
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
