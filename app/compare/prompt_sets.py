"""Lists of prompts to compare models by: those Nibble brings along, by kind, and people's own files.

What quantization costs hides where a single wrong token breaks the answer or where a model has seen little: in sums,
steps that need each other, code, rare names, other languages, long documents.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import resources
from app.core.errors import WrongContent
from app.documents import read_document

MOST_PROMPTS = 1_000


@dataclass(frozen=True)
class ComparePrompt:
    """`facts`: an answer is right where of each inner tuple one text stands in it; empty where that cannot be told."""

    text: str
    facts: tuple[tuple[str, ...], ...] = ()

    def is_right(self, answer: str) -> bool | None:
        """Whether all facts are there, whatever their case; None where nobody knows."""
        if not self.facts:
            return None
        said = answer.casefold()
        return all(any(spelling.casefold() in said for spelling in fact) for fact in self.facts)


@dataclass(frozen=True)
class PromptSet:
    name: str
    title: str
    prompts: tuple[ComparePrompt, ...]


def prompt_set_names() -> list[str]:
    """Of those that are shipped."""
    return sorted(resources.prompt_sets())


def shipped_prompt_sets() -> list[PromptSet]:
    """In the order of their names."""
    return [_set_of(name, table) for name, table in resources.prompt_sets().items()]


def read_prompt_set(path: Path) -> PromptSet:
    """A person's own: a text file with a prompt in each line that is not empty, or a `.toml` file like those in
    `resources/prompts`.

    Raises WrongContent where it holds no prompts or too many, and what reading a document raises.
    """
    text = read_document(path).text
    if path.suffix.lower() == ".toml":
        try:
            found = _set_of(path.stem, tomllib.loads(text))
        except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise WrongContent(
                f"{path.name} is no list of prompts ({error}).",
                'Write [[prompt]] and below it text = "…" for each of them, or a text file with a prompt in each line.',
            ) from error
    else:
        lines = [line.strip() for line in text.splitlines()]
        found = PromptSet(path.stem, path.stem, tuple(ComparePrompt(line) for line in lines if line))
    if not 0 < len(found.prompts) <= MOST_PROMPTS:
        raise WrongContent(
            f"{path.name} holds {len(found.prompts):,} prompts.",
            f"Choose a file with 1 to {MOST_PROMPTS:,} of them.",
        )
    return found


def _set_of(name: str, table: Mapping[str, Any]) -> PromptSet:
    """Raises KeyError, TypeError, ValueError or AttributeError for a table that is none."""
    prompts = tuple(_prompt_of(entry) for entry in table["prompt"])
    return PromptSet(name, str(table.get("title", name)), prompts)


def _prompt_of(entry: Mapping[str, Any]) -> ComparePrompt:
    text = entry["text"]
    if not isinstance(text, str) or not text.strip():
        raise ValueError("a prompt has no text")
    if "fact" in entry:
        text = _in_long_document(entry["fact"], text, float(entry["depth"]), int(entry["words"]))
    return ComparePrompt(text, tuple(tuple(map(str, fact)) for fact in entry.get("facts", ())))


def _in_long_document(fact: str, question: str, depth: float, words: int) -> str:
    """`fact` at `depth` (0 to 1) in about so many words of other prose, and the question below."""
    passages = _prose(words)
    passages.insert(round(depth * len(passages)), fact)
    return "\n\n".join(["Read this document.", *passages, f"Answer from the document: {question}"])


def _prose(words: int) -> list[str]:
    passages: Sequence[str] = resources.guide_answers()
    chosen: list[str] = []
    for passage in passages:
        if words <= 0:
            break
        chosen.append(passage)
        words -= len(passage.split())
    return chosen
