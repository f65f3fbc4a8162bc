"""What the guide learns: topics with many phrasings, and refusals for everything else.

What is never trained on is chosen by a hash of the text, the same on every machine. Half of it is
watched while the model trains, to stop and to choose by; the other half is the exam, which nothing
is chosen by.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

FOLDER = Path(__file__).parent / "corpus"
TOPIC_FILES = ("nibble", "quantization", "running", "talk")

Facts = tuple[tuple[str, ...], ...]
Part = Literal["trained", "watched", "examined"]


class Split(NamedTuple):
    trained: tuple[str, ...]
    watched: tuple[str, ...]
    examined: tuple[str, ...]

    @property
    def held_back(self) -> tuple[str, ...]:
        return self.watched + self.examined


@dataclass(frozen=True)
class Topic:
    """One answer with every phrasing that asks for it.

    `facts`: an answer is right when of each inner tuple one spelling stands in it.
    `more`: phrasings that are only trained on.
    """

    answer: str
    facts: Facts
    phrasings: tuple[str, ...]
    more: tuple[str, ...] = ()

    @cached_property
    def split(self) -> Split:
        """One of `phrasings` in six is held back: two of twelve."""
        return _split(self.phrasings, len(self.phrasings) // 6, self.more)


@dataclass(frozen=True)
class Refusals:
    """Questions beyond the guide's reach, and the wordings of the answer they all get."""

    answers: tuple[str, ...]
    facts: Facts
    questions: tuple[str, ...]
    more: tuple[str, ...] = ()

    @cached_property
    def split(self) -> Split:
        """One of `questions` in seven is held back."""
        return _split(self.questions, len(self.questions) // 7, self.more)


def read_topics() -> list[Topic]:
    """All topics. Items with the same answer are one topic, so the same question cannot stand on both
    sides of the split under two names."""
    merged: dict[str, Topic] = {}
    more = read_corpus_file("more")["topics"]
    for name in TOPIC_FILES:
        for item in read_corpus_file(name)["item"]:
            answer = item["answer"]
            known = merged.get(answer)
            phrasings = (*(known.phrasings if known else ()), *item["phrasings"])
            facts = known.facts if known else _facts(item["facts"])
            added = (*(known.more if known else ()), *more.get(item["id"], ()))
            merged[answer] = Topic(answer, facts, distinct(phrasings), added)
    return list(merged.values())


def read_refusals() -> Refusals:
    content = read_corpus_file("refusals")
    more = tuple(read_corpus_file("more")["refusals"])
    return Refusals(tuple(content["answers"]), _facts(content["facts"]), distinct(content["questions"]), more)


def all_held_back(topics: Iterable[Topic], refusals: Refusals) -> set[str]:
    """Every question never trained on, `bare`."""
    questions = [question for topic in topics for question in topic.split.held_back]
    return {bare(question) for question in [*questions, *refusals.split.held_back]}


def has_facts(answer: str, facts: Facts) -> bool:
    lowered = answer.lower()
    return all(any(spelling.lower() in lowered for spelling in spellings) for spellings in facts)


def plain(text: str) -> str:
    """Questions that differ only in case and punctuation are the same question."""
    return re.sub(r"[^a-z0-9+_.:/-]+", " ", text.lower()).strip(" .?!")


def bare(text: str) -> str:
    """Letters and digits alone: `Q4_K_M?` and `q4 k m` are too alike for one to be held back and one trained on."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """The first of those that are the same question."""
    seen: dict[str, str] = {}
    for text in texts:
        seen.setdefault(plain(text), text)
    return tuple(seen.values())


def digest(text: str) -> int:
    """A number that is the same for a text on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _split(texts: tuple[str, ...], held_back: int, more: tuple[str, ...]) -> Split:
    ordered = sorted(texts, key=lambda text: digest(plain(text)))
    chosen = set(ordered[:held_back])
    trained = tuple(text for text in texts if text not in chosen)
    trained += more
    return Split(trained, watched=tuple(ordered[1:held_back:2]), examined=tuple(ordered[:held_back:2]))


def _facts(lists: list[list[str]]) -> Facts:
    return tuple(tuple(spellings) for spellings in lists)


def read_corpus_file(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
