"""A session of its parts, whatever has become of some of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from app.compare.session import (
    BlindTest,
    MeasuredDivergence,
    PaneTurn,
    Session,
    SessionAnswer,
    SessionTurn,
)
from app.compare.session_parts import BLIND, DIVERGENCE, OPENING, TURN, Opening, Part, unpacked
from app.core.errors import WrongContent

MOST_TURNS = 100_000
"""A greater number is none that was written."""

KeptPart = tuple[str, int, bytes]
"""Kind, number, content."""
KeptPiece = tuple[int, int, str]
"""Turn, pane, text."""


def read_session(session: int, parts: Sequence[KeptPart], pieces: Sequence[KeptPiece]) -> Session:
    """Without what the list knows of it (the title). Turns that cannot be read are empty, so that numbers still hold.

    Raises WrongContent where not even its models can be read.
    """
    opening = next(iter(_read(parts, OPENING, Opening)), None)
    if opening is None or opening[1] is None:
        raise WrongContent(
            "This comparison cannot be read: what was kept of it is damaged.",
            "All that is left is to delete it.",
        )
    begun = opening[1]
    panes = len(begun.models)
    turns, lost_turns = _turns(parts, panes)
    for (turn, pane), text in _joined(pieces).items():
        if 0 <= turn < MOST_TURNS and 0 <= pane < panes:
            turns += [_nothing(panes)] * (turn + 1 - len(turns))
            turns[turn] = _with_piece(turns[turn], pane, text)
    measured = [part for _, part in _read(parts, DIVERGENCE, MeasuredDivergence)]
    votes = [part for _, part in _read(parts, BLIND, BlindTest)]
    return Session(
        id=session,
        title="",
        models=begun.models,
        created_at=begun.created_at,
        changed_at=begun.created_at,
        sampling=begun.sampling,
        turns=tuple(turns),
        divergences=tuple(part for part in measured if part is not None and _fits(part, turns)),
        blind_tests=tuple(_valid(part, len(turns), panes) for part in votes if part is not None),
        problem=_problem(lost_turns, measured.count(None) + votes.count(None)),
    )


def _read(parts: Sequence[KeptPart], wanted: str, kind: type[Part]) -> Iterator[tuple[int, Part | None]]:
    """With their numbers; None for what cannot be read."""
    for name, number, content in parts:
        if name == wanted or name.startswith(f"{wanted} "):
            try:
                yield number, unpacked(content, kind)
            except ValueError:
                yield number, None


def _turns(parts: Sequence[KeptPart], panes: int) -> tuple[list[SessionTurn], int]:
    """With how many of them cannot be read."""
    found = {number: turn for number, turn in _read(parts, TURN, SessionTurn) if 0 <= number < MOST_TURNS}
    turns = [found.get(number) for number in range(max(found, default=-1) + 1)]
    return [_of_width(turn, panes) if turn else _nothing(panes) for turn in turns], turns.count(None)


def _nothing(panes: int) -> SessionTurn:
    return SessionTurn(prompt="", panes=(None,) * panes)


def _of_width(turn: SessionTurn, panes: int) -> SessionTurn:
    return msgspec.structs.replace(turn, panes=(*turn.panes, *(None,) * panes)[:panes])


def _joined(pieces: Sequence[KeptPiece]) -> dict[tuple[int, int], str]:
    texts: dict[tuple[int, int], list[str]] = {}
    for turn, pane, text in pieces:
        texts.setdefault((turn, pane), []).append(text)
    return {place: "".join(each) for place, each in texts.items()}


def _with_piece(turn: SessionTurn, pane: int, text: str) -> SessionTurn:
    """A piece goes on with the answer that is not ended yet, or begins one."""
    given = turn.panes[pane] or PaneTurn()
    answers = list(given.answers)
    last = answers[-1] if answers else None
    if last is not None and last.statistics is None and not last.problem:
        answers[-1] = msgspec.structs.replace(last, text=last.text + text)
    else:
        answers.append(SessionAnswer(text=text))
    panes = list(turn.panes)
    panes[pane] = PaneTurn(answers=tuple(answers), shown=len(answers) - 1)
    return msgspec.structs.replace(turn, panes=tuple(panes))


def _fits(measured: MeasuredDivergence, turns: Sequence[SessionTurn]) -> bool:
    """Whether it was measured on the answer that stands there now: another try has other tokens."""
    try:
        given = turns[measured.turn].panes[measured.written_by]
        panes = turns[measured.turn].panes
        if given is None or min(measured.reference, measured.other) < 0:
            return False
        _ = panes[measured.reference], panes[measured.other]
        passage = given.answers[measured.answer].passage
    except IndexError:
        return False
    return (
        passage is not None
        and passage.tokens[passage.start :] == tuple(token.token for token in measured.tokens)
        and all(token.reference.likeliest and token.other.likeliest for token in measured.tokens)
    )


def _valid(test: BlindTest, turns: int, panes: int) -> BlindTest:
    """Only with votes on what is there, by models that are."""
    kept = tuple(turn for turn in test.turns if 0 <= turn < turns)
    votes = tuple(vote for vote in test.votes if not isinstance(vote, int) or 0 <= vote < panes)
    return msgspec.structs.replace(test, turns=kept, votes=votes[: len(kept)])


def _problem(turns: int, others: int) -> str:
    if turns:
        return (
            f"{turns} of its prompts with {'its' if turns == 1 else 'their'} answers cannot be read: damaged."
        )
    return "Some of what was measured cannot be read: it is damaged." if others else ""
