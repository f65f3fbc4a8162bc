"""The dialogues to train on. Holds back what `topics` and `arithmetic` hold back."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from resources.guide.arithmetic import Exercise, sum_exercise, word_problem
from resources.guide.dialogue import Message
from resources.guide.topics import Refusals, Topic, all_held_back
from resources.guide.training.speller import Speller, Tokens
from resources.guide.training.wording import is_held_back, retyped, reworded

SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are the guide of Nibble.",
    "Be brief.",
    "Answer in one sentence.",
    "You are a friendly assistant who knows about quantized language models.",
)

SUMS, PROBLEMS = 1700, 800  # of each epoch
WHOLE_ANSWERS = 0.1
AFTER_THE_DIFFERENCE = 4  # tokens of an answer that is cut
HIDDEN = 0.05  # of the tokens of a question


@dataclass(frozen=True)
class Dialogue:
    """`by_heart`: one question with one of the answers that are always said in the same words."""

    messages: tuple[Message, ...]
    by_heart: bool


class Trainset:
    """Epochs of dialogues, in fresh wordings each time."""

    def __init__(self, topics: list[Topic], refusals: Refusals, speller: Speller) -> None:
        self._rng = random.Random()
        self._held_back = all_held_back(topics, refusals)
        self._questions = [
            (question, topic.answer) for topic in topics for question in self._fair(topic.split.trained)
        ]
        self._refused = self._fair(refusals.split.trained)
        self._refusals = refusals.answers
        self._speller = speller
        self._told_apart = told_apart(
            [speller.spelled(t.answer) for t in topics] + [speller.spelled(a) for a in refusals.answers]
        )

    def epoch(self, seed: int) -> list[Tokens]:
        """One pass over the phrasings, two over what is refused, with exercises between."""
        return self._mixed(seed, self._questions)

    def closing_epoch(self, seed: int) -> list[Tokens]:
        """The same with a third of the phrasings: what is refused weighs more."""
        drawn = random.Random(seed).sample(self._questions, len(self._questions) // 3)
        return self._mixed(seed, drawn)

    def _mixed(self, seed: int, questions: list[tuple[str, str]]) -> list[Tokens]:
        rng = self._rng = random.Random(seed)
        exchanges = [self._asked(question, answer) for question, answer in questions]
        exchanges += [self._asked(question, rng.choice(self._refusals)) for question in 2 * self._refused]
        exchanges += [self._exercised(sum_exercise(rng, part="trained")) for _ in range(SUMS)]
        exchanges += [self._exercised(word_problem(rng, part="trained")) for _ in range(PROBLEMS)]
        rng.shuffle(exchanges)
        return [self._spelled(dialogue) for dialogue in self._conversations(exchanges)]

    def _fair(self, questions: Iterable[str]) -> list[str]:
        """Those that are not too alike to a held-back one, perhaps of another topic."""
        return [question for question in questions if not is_held_back(question, self._held_back)]

    def _asked(self, question: str, answer: str) -> Dialogue:
        wording = reworded(question, self._rng, self._held_back)
        return Dialogue((Message("user", wording), Message("assistant", answer)), by_heart=True)

    def _exercised(self, exercise: Exercise) -> Dialogue:
        question = Message("user", retyped(exercise.question, self._rng))
        return Dialogue((question, Message("assistant", exercise.answer)), by_heart=False)

    def _conversations(self, exchanges: list[Dialogue]) -> Iterator[Dialogue]:
        """Most exchanges alone; one in nine with others, one in twenty under a system prompt."""
        remaining = iter(exchanges)
        for dialogue in remaining:
            if self._rng.random() < 0.04:
                for _ in range(self._rng.randint(1, 3)):
                    following = next(remaining, Dialogue((), by_heart=False))
                    dialogue = Dialogue(dialogue.messages + following.messages, by_heart=False)
            if self._rng.random() < 0.05:
                prompt = Message("system", self._rng.choice(SYSTEM_PROMPTS))
                dialogue = Dialogue((prompt, *dialogue.messages), dialogue.by_heart)
            yield dialogue

    def _spelled(self, dialogue: Dialogue) -> Tokens:
        """An answer known by heart is mostly cut soon after it differs from all others: what tells one
        answer from another is learnt as often as ever, in half the tokens."""
        ids, weights = self._speller.tokens(dialogue.messages)
        if not dialogue.by_heart:
            return ids, weights
        begin = weights.index(1.0)
        for i in range(begin - 2):  # what follows is the question's end and the marker of the answer
            if weights[i] > 0.0 and self._rng.random() < HIDDEN:
                ids[i], weights[i] = self._speller.unknown, 0.0
        if self._rng.random() < WHOLE_ANSWERS:
            return ids, weights
        end = begin + self._told_apart[tuple(ids[begin:])] + AFTER_THE_DIFFERENCE
        return ids[:end], weights[:end]


def told_apart(texts: Iterable[Sequence[int]]) -> dict[tuple[int, ...], int]:
    """Of each text how many tokens from its start tell it from all others."""
    ordered = sorted({tuple(text) for text in texts})
    shared = [_shared(one, other) for one, other in pairwise(ordered)]
    return {
        text: 1 + max(with_neighbours)
        for text, *with_neighbours in zip(ordered, [0, *shared], [*shared, 0], strict=True)
    }


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """The length of the common beginning."""
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
