"""Sums of numbers up to 99 and one-step word problems, made by rule.

A sum is answered in steps, tens, ones, both together, as a small model learns it from few examples
(Lee et al. 2023, arXiv 2307.03381). One in ten of those that are no such step themselves is held back, half to
watch and half for the exam: its numbers never meet under that sign in training, in neither order and in no wording.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Literal

from resources.guide.topics import Part, digest, read_corpus_file

LARGEST = 99
LARGEST_IN_PROBLEMS = 30

Operation = Literal["+", "-"]


@dataclass(frozen=True)
class Wordings:
    """`sums`: ways to ask for a result; `problems`: (question, what the answer says of the result)."""

    sums: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sum:
    operation: Operation
    a: int
    b: int

    @property
    def result(self) -> int:
        return self.a + self.b if self.operation == "+" else self.a - self.b

    @property
    def part(self) -> Part:
        if min(self.a, self.b) < 10 or self.a % 10 == 0 or self.b % 10 == 0:
            return "trained"  # may be a step of another sum
        return self._drawn("")

    @property
    def part_in_problems(self) -> Part:
        """In word problems the small ones are held back as well: as a step they are met, told as a story not."""
        return self._drawn("problem ") if self.part == "trained" else self.part

    def _drawn(self, where: str) -> Part:
        a, b = sorted((self.a, self.b))
        drawn = digest(f"{where}{a} {self.operation} {b}") % 20
        return "examined" if drawn == 0 else "watched" if drawn == 1 else "trained"

    @property
    def worked(self) -> str:
        """`47 + 38` -> `40 + 30 = 70, 7 + 8 = 15, 70 + 15 = 85: 47 + 38 = 85`; `4 + 3` -> `4 + 3 = 7`."""
        if max(self.a, self.b) < 10:
            return str(self)
        tens = Sum(self.operation, self.a - self.a % 10, self.b - self.b % 10)
        ones = Sum(self.operation, self.a % 10, self.b % 10)
        sign = "-" if ones.result < 0 else "+"
        return f"{tens}, {ones}, {tens.result} {sign} {abs(ones.result)} = {self.result}: {self}"

    def __str__(self) -> str:
        return f"{self.a} {self.operation} {self.b} = {self.result}"


@dataclass(frozen=True)
class Exercise:
    question: str
    answer: str
    result: int


def draw_sum(rng: random.Random, *, smallest: int = 0, largest: int = LARGEST, negative: float = 0.1) -> Sum:
    """Numbers from `smallest` to `largest`; a difference is below zero `negative` of the time."""
    operation: Operation = rng.choice(("+", "-"))
    a, b = rng.randint(smallest, largest), rng.randint(smallest, largest)
    if operation == "-" and (a < b) != (rng.random() < negative):
        a, b = b, a
    return Sum(operation, a, b)


def sum_exercise(rng: random.Random, *, part: Part, smallest: int = 0) -> Exercise:
    """A sum of numbers from `smallest` to 99."""
    while (sum_ := draw_sum(rng, smallest=smallest)).part != part:
        pass
    wording = rng.choice(WORDINGS[sum_.operation].sums)
    return Exercise(wording.format(a=sum_.a, b=sum_.b), f"{sum_.worked}.", sum_.result)


def word_problem(rng: random.Random, *, part: Part) -> Exercise:
    """A one-step problem with numbers from 2 to 30."""
    while (
        sum_ := draw_sum(rng, smallest=2, largest=LARGEST_IN_PROBLEMS, negative=0)
    ).part_in_problems != part:
        pass
    question, says = rng.choice(WORDINGS[sum_.operation].problems)
    name, other = rng.sample(NAMES, 2)
    words = {"name": name, "other": other, "things": rng.choice(THINGS)}
    question = question.format(a=sum_.a, b=sum_.b, **words)
    return Exercise(question, f"{sum_.worked}, so {says.format(r=sum_.result, **words)}.", sum_.result)


def _wordings(table: dict[str, Any]) -> Wordings:
    return Wordings(tuple(table["sums"]), tuple((question, says) for question, says in table["problems"]))


_CORPUS = read_corpus_file("arithmetic")
WORDINGS: dict[Operation, Wordings] = {
    "+": _wordings(_CORPUS["addition"]),
    "-": _wordings(_CORPUS["subtraction"]),
}
NAMES: tuple[str, ...] = tuple(_CORPUS["names"])
THINGS: tuple[str, ...] = tuple(_CORPUS["things"])
