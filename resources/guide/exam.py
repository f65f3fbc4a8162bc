"""What the guide is asked to judge it: held-back phrasings, sums, word problems and refusals.

Fixed by the corpus and one seed, so that two models are asked the same.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from resources.guide.arithmetic import Exercise, sum_exercise, word_problem
from resources.guide.dialogue import Message, rendered
from resources.guide.topics import Facts, Refusals, Topic, has_facts, read_refusals, read_topics

SUMS, PROBLEMS = 400, 150
SEED = 7


@dataclass(frozen=True)
class Question:
    text: str
    is_right: Callable[[str], bool]


@dataclass(frozen=True)
class Exam:
    """`sections` by name; `text` is held-back conversations, for perplexity."""

    sections: dict[str, tuple[Question, ...]]
    text: tuple[str, ...]


def held_back_exam() -> Exam:
    topics, refusals, rng = read_topics(), read_refusals(), random.Random(SEED)
    sums = [sum_exercise(rng, part="examined", smallest=10) for _ in range(SUMS)]
    problems = [word_problem(rng, part="examined") for _ in range(PROBLEMS)]
    sections = {
        "phrasings": tuple(_asked(q, topic.facts) for topic in topics for q in topic.split.examined),
        "sums": tuple(_calculated(exercise) for exercise in sums),
        "problems": tuple(_calculated(exercise) for exercise in problems),
        "refusals": tuple(_asked(q, refusals.facts) for q in refusals.split.examined),
    }
    return Exam(sections, tuple(_conversations(topics, refusals)))


def last_number(answer: str) -> int | None:
    """`23 + 45 = 68.` -> 68; also below zero. None where the last one is no whole number written plainly."""
    numbers = re.findall(r"-?\d[\d.,]*", answer)
    last = numbers[-1].rstrip(".,") if numbers else ""
    return int(last) if re.fullmatch(r"-?\d+", last) else None


def _asked(question: str, facts: Facts) -> Question:
    return Question(question, lambda answer: has_facts(answer, facts))


def _calculated(exercise: Exercise) -> Question:
    return Question(exercise.question, lambda answer: last_number(answer) == exercise.result)


def _conversations(topics: list[Topic], refusals: Refusals) -> list[str]:
    pairs = [(q, topic.answer) for topic in topics for q in topic.split.examined]
    pairs += [(q, refusals.answers[0]) for q in refusals.split.examined]
    return [rendered([Message("user", q), Message("assistant", a)]) for q, a in pairs]
