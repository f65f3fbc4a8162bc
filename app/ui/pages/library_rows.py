"""What the library lists: one `Row` for each model or faulty file, and what its cells say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, Qt

from app.core.errors import EnvironmentFault
from app.core.units import format_bytes, format_count
from app.ui import fit_words, guide
from app.ui.pages.library_words import describe_age, one_line, state_look
from app.ui.parts import plain_tip
from app.ui.table_rows import ROW_ROLE, Headers, Index, Readers

if TYPE_CHECKING:  # the engine is imported by the jobs that look, not by the window that opens
    from app.library import LibraryEntry
    from app.recommend.fit import Fit


class Column(IntEnum):
    MODEL = 0
    QUANTIZATION = 1
    PARAMETERS = 2
    SIZE = 3
    CONTEXT = 4
    SOURCE = 5
    LICENCE = 6
    LAST_USED = 7
    VERDICT = 8
    ACTIONS = 9


@dataclass(frozen=True)
class Row:
    """One line of the list. `file_bytes` in bytes, `context` in tokens; 0 where the file does not say.

    With a `fault` the file cannot be used and the numbers are 0; `state` as `app.library.EntryState` has it. What can
    be read and yet is no model to chat with, an adapter say, has the reason in `why_no_chat`. `built_in`: a file of
    Nibble's own model; with `can_try` this stands for the one that is not made yet, without an `entry`, and `path` is
    the folder it will be in. `source`: the program that keeps it. `last_used_at` in seconds since 1970. `fit`: how it
    would run here, None as long as that is not worked out.
    """

    path: Path
    title: str
    subtitle: str
    family: str = ""
    quantization: str = ""
    bits_per_weight: float = 0.0
    parameters: int = 0
    file_bytes: int = 0
    context: int = 0
    source: str = ""
    licence: str = ""
    last_used_at: float | None = None
    state: str = "ok"
    can_chat: bool = False
    can_quantize: bool = False
    can_try: bool = False
    built_in: bool = False
    why_no_chat: str = ""
    fault: EnvironmentFault | None = None
    entry: LibraryEntry | None = None
    fit: Fit | None = None

    @property
    def is_missing(self) -> bool:
        """Whether there is nothing on the disk that one could show or delete."""
        return self.state in ("gone", "away")

    @property
    def label(self) -> str:
        """How a sentence calls it: `Bard (Q4_K_M)`."""
        return f"{self.title} ({self.quantization})" if self.quantization else self.title


def row_of(entry: LibraryEntry, *, built_in: bool = False, fit: Fit | None = None) -> Row:
    """The line for a library entry; `fit`: how it would run, as far as that is known."""
    from app.convert import can_quantize

    facts = entry.facts
    title = one_line(entry.plain_title)
    if facts is None or entry.fault is not None:
        return Row(
            entry.path,
            title,
            one_line(str(entry.path.parent)),
            file_bytes=entry.file_bytes or 0,
            source=entry.program.title,
            state=entry.state,
            built_in=built_in,
            fault=entry.fault,
            entry=entry,
        )
    parts = f" (+{facts.files - 1})" if facts.files > 1 else ""
    why_no_chat = entry.why_no_chat or ""
    return Row(
        path=entry.path,
        title=title,
        subtitle=why_no_chat or one_line(f"{_file_name(entry)}{parts}"),
        family=one_line(entry.family or ""),
        quantization=facts.quantization or "",
        bits_per_weight=facts.bits_per_weight or 0.0,
        parameters=facts.parameters,
        file_bytes=facts.file_bytes,
        context=facts.context_length or 0,
        source=entry.program.title,
        licence=one_line(entry.licence),
        last_used_at=entry.last_used_at,
        state=entry.state,
        can_chat=not why_no_chat,
        # Any file of the guide stands for its checkpoint, from which every type is made.
        can_quantize=not why_no_chat and (built_in or can_quantize(facts)),
        built_in=built_in,
        why_no_chat=why_no_chat,
        entry=entry,
        fit=None if why_no_chat else fit,
    )


def _file_name(entry: LibraryEntry) -> str:
    """That of Ollama's files is a digest, which nobody knows them by."""
    return entry.path.name if entry.path.suffix.lower() == ".gguf" else entry.name


def row_at(index: Index) -> Row | None:
    row = index.data(ROW_ROLE) if index.isValid() else None
    return row if isinstance(row, Row) else None


PROBLEM = "problem"
"""What is chosen to see only what cannot be used or has changed."""


def verdict_of(row: Row) -> str:
    if row.fault is not None or row.state != "ok":
        return PROBLEM
    return row.fit.verdict if row.fit is not None else ""


def searched(row: Row) -> str:
    mark = guide.badge_text() if row.built_in else ""
    entry = row.entry
    names = (entry.name, entry.origin, *entry.aliases) if entry is not None else ()
    architecture = entry.facts.architecture if entry is not None and entry.facts is not None else ""
    words = (
        row.title,
        row.subtitle,
        row.family,
        architecture or "",
        row.quantization,
        row.source,
        row.licence,
    )
    return " ".join((*words, mark, *names)).casefold()


def titles() -> dict[Column, str]:
    return {
        Column.MODEL: _tr("Model"),
        Column.QUANTIZATION: _tr("Quantization"),
        Column.PARAMETERS: _tr("Parameters"),
        Column.SIZE: _tr("Size"),
        Column.CONTEXT: _tr("Context"),
        Column.SOURCE: _tr("Source"),
        Column.LICENCE: _tr("Licence"),
        Column.LAST_USED: _tr("Last used"),
        Column.VERDICT: _tr("Verdict"),
        Column.ACTIONS: "",
    }


def _explanations() -> dict[Column, str]:
    return {
        Column.QUANTIZATION: _tr("In which scheme each weight is stored, and in how many bits"),
        Column.PARAMETERS: _tr("How many weights the model has"),
        Column.SIZE: _tr("Size of the file; the model needs a little more memory than this"),
        Column.CONTEXT: _tr("The longest conversation the model was made for, in tokens (1k = 1024)"),
        Column.SOURCE: _tr("Which program keeps the file; those of other programs are used in place"),
        Column.LICENCE: _tr("Under which conditions the model may be used, as its file says"),
        Column.LAST_USED: _tr("When Nibble loaded it last"),
        Column.VERDICT: _tr(
            "Where the model has room on this computer now, with a context of {context}"
        ).format(context=fit_words.context_name(fit_words.USUAL_CONTEXT)),
    }


def _text(row: Row, column: Column) -> str:
    if column is Column.MODEL:
        return row.title
    if row.can_try or column is Column.ACTIONS:
        return ""  # not made yet, so nobody has measured it
    if column is Column.SOURCE:
        return row.source
    if row.fault is not None:
        return state_look(row.state).words if column is Column.VERDICT else ""
    match column:
        case Column.QUANTIZATION:
            return row.quantization
        case Column.PARAMETERS:
            return format_count(row.parameters)
        case Column.SIZE:
            return format_bytes(row.file_bytes)
        case Column.CONTEXT:
            return fit_words.context_name(row.context) if row.context else "–"
        case Column.LICENCE:
            return row.licence or "–"
        case Column.LAST_USED:
            return describe_age(row.last_used_at)
        case _:
            return fit_words.verdict_look(row.fit.verdict).words if row.fit is not None else ""


def _tip(row: Row, column: Column) -> str | None:
    if row.fault is not None:
        return plain_tip(f"{row.path}\n{row.fault.message}\n{row.fault.hint}".strip())
    if column is Column.MODEL and row.built_in:
        return plain_tip(
            f"{row.title}: {guide.badge_text()}\n{guide.explanation()}\n{row.subtitle if row.can_try else row.path}"
        )
    if row.can_try:
        return None
    match column:
        case Column.MODEL:
            state = "" if row.state == "ok" else f"{state_look(row.state).meaning}\n"
            return plain_tip(f"{row.title}\n{state}{row.path}")
        case Column.QUANTIZATION:
            return _tr("{bits:.2f} bits per weight").format(bits=row.bits_per_weight)
        case Column.PARAMETERS:
            return _tr("{count:,} parameters").format(count=row.parameters)
        case Column.SIZE:
            return _tr("{count:,} bytes").format(count=row.file_bytes)
        case Column.CONTEXT if row.context:
            return _tr("{count:,} tokens").format(count=row.context)
        case Column.SOURCE:
            origin = row.entry.origin if row.entry is not None else ""
            return plain_tip("\n".join(filter(None, (row.source, one_line(origin), str(row.path.parent)))))
        case Column.LICENCE:
            return plain_tip(row.licence) if row.licence else None
        case Column.VERDICT if row.fit is not None:
            return fit_words.verdict_meaning(row.fit.verdict)
    return None


def sort_key(row: Row, column: Column) -> tuple[int, tuple[Any, ...]]:
    by_name = (row.title.casefold(), -row.file_bytes, str(row.path))
    first: Any = 0
    match column:
        case Column.QUANTIZATION:
            first = row.bits_per_weight
        case Column.PARAMETERS:
            first = row.parameters
        case Column.SIZE:
            first = row.file_bytes
        case Column.CONTEXT:
            first = row.context
        case Column.SOURCE:
            first = row.source.casefold()
        case Column.LICENCE:
            first = row.licence.casefold()
        case Column.LAST_USED:
            first = row.last_used_at or 0.0
        case Column.VERDICT:
            first = _rank_of_verdict(row)
    # Behind the person's models what cannot be used, and behind that what belongs to Nibble.
    return 2 * row.built_in + (row.fault is not None or row.can_try), (first, *by_name)


def _rank_of_verdict(row: Row) -> tuple[int, int]:
    """The best first, and of those alike the one that leaves more free."""
    if row.fit is None:
        return len(fit_words.VERDICTS), 0
    return fit_words.VERDICTS.index(row.fit.verdict), -row.fit.free_bytes


def _spoken(row: Row, column: Column) -> str:
    if column is not Column.MODEL:
        return _text(row, column)
    if row.fault is not None:
        return f"{row.title}: {state_look(row.state).words}. {row.fault}"
    told = (Column.QUANTIZATION, Column.PARAMETERS, Column.SIZE, Column.VERDICT)
    words = [row.title, *(_text(row, each) for each in told)]
    if row.built_in:
        words[1:1] = [guide.badge_text(), row.subtitle if row.can_try else ""]
    if row.state != "ok":
        words.append(state_look(row.state).words)
    return ", ".join(filter(None, words))


def is_number(column: Column) -> bool:
    return column in (Column.PARAMETERS, Column.SIZE, Column.CONTEXT)


def _alignment(column: Column) -> Qt.AlignmentFlag:
    horizontal = Qt.AlignmentFlag.AlignRight if is_number(column) else Qt.AlignmentFlag.AlignLeft
    return horizontal | Qt.AlignmentFlag.AlignVCenter


HEADERS: Headers = {
    int(Qt.ItemDataRole.DisplayRole): lambda column: titles()[column],
    int(Qt.ItemDataRole.ToolTipRole): lambda column: _explanations().get(column),
    int(Qt.ItemDataRole.TextAlignmentRole): lambda column: _alignment(column),
}

ROLES: Readers = {
    int(Qt.ItemDataRole.DisplayRole): _text,
    int(Qt.ItemDataRole.ToolTipRole): _tip,
    int(Qt.ItemDataRole.AccessibleTextRole): _spoken,
    int(Qt.ItemDataRole.TextAlignmentRole): lambda row, column: _alignment(column),
    ROW_ROLE: lambda row, column: row,
}


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
