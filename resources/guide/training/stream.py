"""The dialogues to train on. Holds back what `topics` and `arithmetic` hold back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from resources.guide.arithmetic import Exercise, sum_exercise, word_problem
from resources.guide.dialogue import Message
from resources.guide.topics import Refusals, Topic, all_held_back
from resources.guide.training.speller import Speller, Tokens
from resources.guide.training.wording import retyped, reworded

SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are the guide of Nibble.",
    "Be brief.",
    "Answer in one sentence.",
    "You are a friendly assistant who knows about quantized language models.",
)


WHOLE_ANSWERS = 0.3
BEGINNING = 16  # tokens


@dataclass(frozen=True)
class Dialogue:
    """`may_be_cut`: the answer is known by heart once it has begun, so often its beginning will do."""

    messages: tuple[Message, ...]
    may_be_cut: bool


class Trainset:
    """Epochs of dialogues: each asks every trained phrasing once, in a fresh wording."""

    def __init__(self, topics: list[Topic], refusals: Refusals, speller: Speller) -> None:
        self._rng = random.Random()
        self._questions = [(question, topic.answer) for topic in topics for question in topic.split.trained]
        self._refused = refusals.split.trained
        self._refusals = refusals.answers
        self._held_back = all_held_back(topics, refusals)
        self._speller = speller

    def epoch(self, seed: int, *, whole: bool) -> list[Tokens]:
        """One pass over the phrasings, with exercises between; `whole`: no answer is cut."""
        rng = self._rng = random.Random(seed)
        exchanges = [self._asked(question, answer) for question, answer in self._questions]
        exchanges += [self._asked(question, rng.choice(self._refusals)) for question in self._refused]
        exchanges += [self._exercised(sum_exercise(rng, part="trained")) for _ in range(2000)]
        exchanges += [self._exercised(word_problem(rng, part="trained")) for _ in range(600)]
        rng.shuffle(exchanges)
        return [self._spelled(dialogue, whole) for dialogue in self._conversations(exchanges)]

    def _asked(self, question: str, answer: str) -> Dialogue:
        wording = reworded(question, self._rng, self._held_back)
        return Dialogue((Message("user", wording), Message("assistant", answer)), may_be_cut=True)

    def _exercised(self, exercise: Exercise) -> Dialogue:
        question = Message("user", retyped(exercise.question, self._rng))
        return Dialogue((question, Message("assistant", exercise.answer)), may_be_cut=False)

    def _conversations(self, exchanges: list[Dialogue]) -> Iterator[Dialogue]:
        """Most exchanges alone; one in six with others, one in twenty under a system prompt."""
        remaining = iter(exchanges)
        for dialogue in remaining:
            if self._rng.random() < 0.07:
                for _ in range(self._rng.randint(1, 3)):
                    following = next(remaining, Dialogue((), may_be_cut=False))
                    dialogue = Dialogue(dialogue.messages + following.messages, may_be_cut=False)
            if self._rng.random() < 0.05:
                prompt = Message("system", self._rng.choice(SYSTEM_PROMPTS))
                dialogue = Dialogue((prompt, *dialogue.messages), dialogue.may_be_cut)
            yield dialogue

    def _spelled(self, dialogue: Dialogue, whole: bool) -> Tokens:
        """What tells one answer from another is learnt as often as ever, in half the tokens."""
        ids, weights = self._speller.tokens(dialogue.messages)
        if whole or not dialogue.may_be_cut or self._rng.random() < WHOLE_ANSWERS:
            return ids, weights
        end = weights.index(1.0) + BEGINNING
        return ids[:end], weights[:end]
