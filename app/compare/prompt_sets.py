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
    return resources.prompt_set_names()


def shipped_prompt_set(name: str) -> PromptSet:
    return _set_of(name, resources.prompt_set(name))


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
    entries = table["prompt"]
    prose = resources.guide_answers() if any("fact" in entry for entry in entries) else ()
    prompts = tuple(_prompt_of(entry, prose) for entry in entries)
    return PromptSet(name, str(table.get("title", name)), prompts)


def _prompt_of(entry: Mapping[str, Any], prose: Sequence[str]) -> ComparePrompt:
    text = entry["text"]
    if not isinstance(text, str) or not text.strip():
        raise ValueError("a prompt has no text")
    if "fact" in entry:
        passages = _first_words(prose, int(entry["words"]))
        passages.insert(round(float(entry["depth"]) * len(passages)), entry["fact"])
        text = "\n\n".join(["Read this document.", *passages, f"Answer from the document: {text}"])
    return ComparePrompt(text, tuple(tuple(map(str, fact)) for fact in entry.get("facts", ())))


def _first_words(prose: Sequence[str], words: int) -> list[str]:
    """As many passages as have about so many words."""
    chosen: list[str] = []
    for passage in prose:
        if words <= 0:
            break
        chosen.append(passage)
        words -= len(passage.split())
    return chosen
