"""The endless stream of dialogues to train on. Holds back what `topics` and `arithmetic` hold back."""

from __future__ import annotations

import random
from collections.abc import Iterator

from resources.guide.arithmetic import sum_exercise, word_problem
from resources.guide.dialogue import Message
from resources.guide.topics import Refusals, Topic, plain
from resources.guide.training.speller import Speller, Tokens
from resources.guide.training.wording import retyped, reworded

SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are the guide of Nibble.",
    "Be brief.",
    "Answer in one sentence.",
    "You are a friendly assistant who knows about quantized language models.",
)


class Trainset:
    """An endless stream of dialogues; every epoch asks each trained phrasing once, in a fresh wording."""

    def __init__(self, topics: list[Topic], refusals: Refusals, speller: Speller, seed: int) -> None:
        self._rng = random.Random(seed)
        self._questions = [(question, topic.answer) for topic in topics for question in topic.trained]
        self._refused = refusals.trained
        self._refusals = refusals.answers
        self._held_back = {plain(q) for topic in topics for q in topic.held_back} | {
            plain(q) for q in refusals.held_back
        }
        self._speller = speller

    def epoch(self) -> list[Tokens]:
        """One pass over the phrasings, with exercises between."""
        rng = self._rng
        exchanges = [self._asked(question, answer) for question, answer in self._questions]
        exchanges += [self._asked(q, rng.choice(self._refusals)) for q in self._refused]
        exercises = [sum_exercise(rng, held_back=False) for _ in range(3000)]
        exercises += [word_problem(rng, held_back=False) for _ in range(1000)]
        exchanges += [
            [Message("user", retyped(e.question, rng)), Message("assistant", e.answer)] for e in exercises
        ]
        rng.shuffle(exchanges)
        return [self._speller.tokens(dialogue) for dialogue in self._conversations(exchanges)]

    def _asked(self, question: str, answer: str) -> list[Message]:
        wording = reworded(question, self._rng)
        if plain(wording) in self._held_back:
            wording = question
        return [Message("user", wording), Message("assistant", answer)]

    def _conversations(self, exchanges: list[list[Message]]) -> Iterator[list[Message]]:
        """Most exchanges alone; one in six with others, one in twenty under a system prompt."""
        remaining = iter(exchanges)
        for exchange in remaining:
            if self._rng.random() < 0.07:
                for _ in range(self._rng.randint(1, 3)):
                    exchange = exchange + next(remaining, [])
            if self._rng.random() < 0.05:
                exchange = [Message("system", self._rng.choice(SYSTEM_PROMPTS)), *exchange]
            yield exchange
