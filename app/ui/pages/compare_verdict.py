"""What is to be said of answers side by side: are they the same, and if not, where do they part?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from app.compare import first_difference

CUT_OFF = ("cancelled", "length", "context")


@dataclass(frozen=True)
class Said:
    """One pane's answer. `cut_off`: the model had more to say."""

    letter: str
    text: str
    cut_off: bool = False


@dataclass(frozen=True)
class Verdict:
    """`marks` and `notes` by letter: where that answer parts from the others, and how it compares, in words.

    `parted`: there is such a place. `compared`: there were answers to compare.
    """

    sentence: str
    marks: dict[str, int]
    notes: dict[str, str]
    parted: bool = False
    compared: bool = True


def judge(answers: Sequence[Said]) -> Verdict:
    """All answers against the first."""
    if len(answers) < 2:
        sentence = _tr("Only one model has answered.") if answers else _tr("There is no answer to compare.")
        return Verdict(sentence, {}, {}, compared=False)
    reference, others = answers[0], answers[1:]
    marks: dict[str, int] = {}
    notes: dict[str, str] = {}
    open_ended = False
    for other in others:
        at = first_difference(reference.text, other.text)
        if at is None:
            notes[other.letter] = _tr("Same as {letter}").format(letter=reference.letter)
        elif _is_only_shorter(reference, other, at):
            open_ended = True
            notes[other.letter] = _tr("Same as {letter} as far as it goes").format(letter=reference.letter)
        else:
            marks[other.letter] = at
            notes[other.letter] = _parting_note(reference.letter, at)
    if marks:
        first = marks[reference.letter] = min(marks.values())
        sentence = _parting_sentence(first)
    elif open_ended:
        sentence = _tr("The answers agree as far as they go.")
    else:
        sentence = _tr("The answers are identical.")
    if len(others) > 1:
        notes[reference.letter] = _tr("The others are compared with this one")
    else:
        notes = {}  # of two answers the sentence says it all
    return Verdict(sentence, marks, notes, parted=bool(marks))


def _is_only_shorter(reference: Said, other: Said, at: int) -> bool:
    """One is the beginning of the other because it was cut off there."""
    shorter = reference if len(reference.text) < len(other.text) else other
    return at == len(shorter.text) and shorter.cut_off


def _parting_sentence(at: int) -> str:
    if at == 0:
        return _tr("The answers differ from the first character.")
    if at == 1:
        return _tr("The answers part ways after 1 character.")
    return _tr("The answers part ways after {n} characters.").format(n=f"{at:,}")


def _parting_note(letter: str, at: int) -> str:
    if at == 0:
        return _tr("Differs from {letter} from the start").format(letter=letter)
    return _tr("Same as {letter} up to character {n}").format(letter=letter, n=f"{at:,}")


def _tr(text: str) -> str:
    return QCoreApplication.translate("Compare", text)
