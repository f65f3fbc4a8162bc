"""What a blind test says of prompts and votes before anybody may know which model is which."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.compare.ballot import Ballot, PromptState

LETTERS = "ABCDE"
"""What places are called."""


def same_words(ballot: Ballot, number: int) -> str:
    """Which answers to a prompt are the same; empty where none are."""
    same = ballot.same_places(number)
    if not same:
        return ""
    if ballot.is_same(number):
        if not ballot.test.same_is_tie:
            return _tr("The answers are the same, word for word.")
        return _tr("The answers are the same, word for word: counted as a tie.")
    groups = "; ".join(_tr(" and ").join(LETTERS[place] for place in places) for places in same)
    return _tr("The same, word for word: {letters}.").format(letters=groups)


def reasons(ballot: Ballot, number: int) -> list[str]:
    """Why models cannot answer a prompt, without saying which of them."""
    return sorted({answer.problem for answer in ballot.answers(number) if answer and answer.problem})


def end_words(ballot: Ballot) -> str:
    """Once no more votes come."""
    n, voted, left_out = len(ballot), ballot.voted, ballot.count(PromptState.LEFT_OUT)
    ties = sum(ballot.is_same(number) for number in range(n)) if ballot.test.same_is_tie else 0
    lines = []
    if ties:
        lines.append(_tr("Same answers, counted as ties: {n}.").format(n=ties))
    if left_out:
        lines.append(_tr("Left out, because a model could not answer: {n}.").format(n=left_out))
    if voted < n - left_out:
        lines.append(_tr("Without a vote: {n}.").format(n=n - left_out - voted))
    lines.append(
        _tr("When you see which model is which, votes cannot be changed any more.")
        if voted
        else _tr("There is nothing to tell yet.")
    )
    return "\n".join(lines)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Compare", text)
