"""A blind test at work: what it asks, and how what comes is kept at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.compare.answers import PaneAnswer
from app.compare.ballot import Ballot
from app.compare.comparison import Comparison
from app.compare.prompt_sets import ComparePrompt, PromptSet
from app.compare.session import BlindTest, PaneTurn, SessionModel, SessionTurn, kept_answer
from app.compare.session_store import SessionStore
from app.core.errors import PromptTooLong, TemplateFault
from app.core.jobs import JobControl
from app.runtime import Sampling

OF_THE_PROMPT = (PromptTooLong, TemplateFault)
"""Faults that are met with one prompt and say nothing of the others."""


@dataclass(frozen=True)
class BlindPlan:
    """A test to begin. `same_is_tie`: nobody is asked where all answers are the same. `title`: what it is called in the
    list of sessions; empty for the words of its first prompt."""

    models: tuple[SessionModel, ...]
    prompts: tuple[tuple[PromptSet, ComparePrompt], ...]
    sampling: Sampling
    seed: int
    same_is_tie: bool = True
    title: str = ""

    def ballot(self) -> Ballot:
        test = BlindTest(
            seed=self.seed,
            turns=tuple(range(len(self.prompts))),
            prompt_set=", ".join(dict.fromkeys(each.name for each, _ in self.prompts)),
            kinds=tuple(each.title for each, _ in self.prompts),
            same_is_tie=self.same_is_tie,
        )
        panes = (PaneTurn(),) * len(self.models)
        turns = [
            SessionTurn(prompt=prompt.text, panes=panes, alone=True, facts=prompt.facts)
            for _, prompt in self.prompts
        ]
        return Ballot(test, turns, len(self.models))


@dataclass(frozen=True)
class BlindAnswered:
    """Emitted when models have answered prompt `number`: `turn` is what there is of it now."""

    number: int
    turn: SessionTurn


def begin_blind_test(database: Path, plan: BlindPlan) -> int:
    """Keeps what will be asked; the number of the session."""
    ballot = plan.ballot()
    with SessionStore(database) as store:
        session = store.begin(plan.models, plan.sampling)
        for number, turn in enumerate(ballot.turns):
            store.write_turn(session, number, turn)
        store.write_blind_test(session, 0, ballot.test)
        if plan.title:
            store.rename(session, plan.title)
    return session


def ask_blind(
    comparison: Comparison,
    database: Path,
    session: int,
    numbers: Sequence[int],
    ballot: Ballot,
    sampling: Sampling,
    control: JobControl,
) -> None:
    """Asks what is missing in `ballot` (a copy that nobody changes meanwhile), and keeps each answer when it is there.
    `numbers`: of its turns in the session.

    Emits BlindAnswered and what `Comparison.ask_some` does. Raises the fault of a model that fails in the middle, after
    it has kept what the others gave; what was kept is not asked again another time.
    """
    asked = [number for number in range(len(ballot)) if ballot.missing(number)]
    turns = list(ballot.turns)
    with SessionStore(database) as store:

        def take(index: int, answers: Mapping[int, PaneAnswer]) -> None:
            number = asked[index]
            whole = {pane: answer for pane, answer in answers.items() if _is_kept(answer)}
            if whole:
                turns[number] = _with(turns[number], whole)
                store.write_turn(session, numbers[number], turns[number])
                control.emit(BlindAnswered(number, turns[number]))
            for answer in answers.values():
                if answer.fault is not None and not isinstance(answer.fault, OF_THE_PROMPT):
                    raise answer.fault

        wanted = [(turns[number].prompt, ballot.missing(number)) for number in asked]
        comparison.ask_some(wanted, sampling, control, take)


def _is_kept(answer: PaneAnswer) -> bool:
    """Neither stopped in the middle nor failed for a reason that may be gone next time."""
    if answer.fault is not None:
        return isinstance(answer.fault, OF_THE_PROMPT)
    return answer.statistics is not None and answer.statistics.finish_reason != "cancelled"


def _with(turn: SessionTurn, answers: Mapping[int, PaneAnswer]) -> SessionTurn:
    panes = list(turn.panes)
    for pane, answer in answers.items():
        panes[pane] = PaneTurn(answers=(kept_answer(answer),))
    return msgspec.structs.replace(turn, panes=tuple(panes))
