"""The state of a blind test: its prompts, the answers that have come, and the votes. Knows neither models' names nor
windows."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from app.compare.session import BlindTest, Session, SessionAnswer, SessionTurn
from app.compare.votes import Vote, shuffled


class PromptState(Enum):
    WAITING = "waiting"
    """Not all models have answered it."""
    READY = "ready"
    LEFT_OUT = "left out"
    """A model cannot answer it: `SessionAnswer.problem` says why."""


class Ballot:
    """Numbers of prompts count from 0 in the order of the test; places from 0 in the order answers are shown in."""

    def __init__(self, test: BlindTest, turns: Sequence[SessionTurn], panes: int) -> None:
        """`turns`: those of the test, in its order."""
        self.test = test
        self.panes = panes
        self.turns = list(turns)
        self._votes: dict[int, Vote] = dict(enumerate(test.votes))
        self._orders = [shuffled(panes, number, test.seed) for number in range(len(self.turns))]

    @classmethod
    def of(cls, session: Session, number: int) -> Ballot:
        """The blind test of that number (from 0) of a session that was kept."""
        test = session.blind_tests[number]
        return cls(test, [session.turns[turn] for turn in test.turns], len(session.models))

    def __len__(self) -> int:
        return len(self.turns)

    @property
    def is_finished(self) -> bool:
        """The person has seen which model is which."""
        return self.test.voted_at > 0

    def order(self, number: int) -> list[int]:
        """Which model stands at each place."""
        return self._orders[number]

    def answers(self, number: int) -> list[SessionAnswer | None]:
        """By place."""
        return [self._answer(number, model) for model in self.order(number)]

    def state(self, number: int) -> PromptState:
        answers = self.answers(number)
        if any(answer is not None and answer.problem for answer in answers):
            return PromptState.LEFT_OUT
        return PromptState.WAITING if None in answers else PromptState.READY

    def missing(self, number: int) -> list[int]:
        """The models that are still to answer it."""
        if self.state(number) is not PromptState.WAITING:
            return []
        return [model for model in range(self.panes) if self._answer(number, model) is None]

    def same_places(self, number: int) -> list[list[int]]:
        """The places at which the same stands, word for word; each group with two of them or more."""
        found: dict[str, list[int]] = {}
        for place, answer in enumerate(self.answers(number)):
            if answer is not None:
                found.setdefault(answer.text.strip(), []).append(place)
        return [places for places in found.values() if len(places) > 1]

    def is_same(self, number: int) -> bool:
        """All models gave the same answer."""
        return self.state(number) is PromptState.READY and [
            len(each) for each in self.same_places(number)
        ] == [self.panes]

    # Votes

    def vote_of(self, number: int) -> Vote | None:
        """None where there is nothing yet; of answers that are the same, a tie without being asked."""
        known = self._votes.get(number)
        if known in (None, "skipped") and self.test.same_is_tie and self.is_same(number):
            return "tie"
        return known

    def vote(self, number: int, vote: Vote) -> None:
        if self.state(number) is PromptState.READY and not self.is_finished:
            self._votes[number] = vote

    def take_back(self, number: int) -> None:
        if not self.is_finished:
            self._votes.pop(number, None)

    def place_of(self, number: int) -> int | None:
        """The place that was preferred."""
        vote = self.vote_of(number)
        return self.order(number).index(vote) if isinstance(vote, int) else None

    @property
    def kept_votes(self) -> tuple[Vote, ...]:
        """One for each prompt up to the last that has one; of those between that have none, nothing is said."""
        votes = [self.vote_of(number) for number in range(len(self))]
        last = max((number for number, vote in enumerate(votes) if vote is not None), default=-1)
        return tuple("skipped" if vote is None else vote for vote in votes[: last + 1])

    def next_open(self, after: int) -> int | None:
        """The next prompt that can be voted on and was not, in a circle; None where there is none."""
        for step in range(1, len(self) + 1):
            number = (after + step) % len(self)
            if self.state(number) is PromptState.READY and self.vote_of(number) is None:
                return number
        return None

    def next_waiting(self, after: int) -> int | None:
        """As `next_open`, of those that models have yet to answer."""
        numbers = [(after + step) % len(self) for step in range(1, len(self) + 1)]
        return next((number for number in numbers if self.state(number) is PromptState.WAITING), None)

    def count(self, state: PromptState) -> int:
        return sum(self.state(number) is state for number in range(len(self)))

    @property
    def voted(self) -> int:
        """How many prompts have a vote that says something."""
        return sum(self.vote_of(number) not in (None, "skipped") for number in range(len(self)))

    def _answer(self, number: int, model: int) -> SessionAnswer | None:
        given = self.turns[number].panes[model]
        return given.answer if given is not None else None
