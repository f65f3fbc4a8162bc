"""Lists of prompts to compare models by: those Nibble brings along, by kind, and people's own files.

What quantization costs hides where a single wrong token breaks the answer or where a model has seen little: in sums,
steps that need each other, code, rare names, other languages, long documents.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import resources
from app.core.errors import NotText, UnreadableFile, UnreadablePdf, WrongContent
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
    """`about`: what it looks for, in a sentence; empty where nobody says."""

    name: str
    title: str
    prompts: tuple[ComparePrompt, ...]
    about: str = ""


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
    text = _text_of(path)
    if path.suffix.lower() == ".toml":
        try:
            found = _set_of(path.stem, tomllib.loads(text))
        except (tomllib.TOMLDecodeError, TypeError, ValueError, OverflowError, RecursionError) as error:
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


def pick(
    sets: Sequence[PromptSet], count: int, seed: int | None = None
) -> list[tuple[PromptSet, ComparePrompt]]:
    """So many prompts with the sets they come from, of each set as many as of the others where it has them. The first
    ones, in their order; with a seed any, in any order, with the same seed the same."""
    chance = random.Random(seed) if seed is not None else None
    piles = [list(each.prompts) for each in sets]
    if chance is not None:
        for pile in piles:
            chance.shuffle(pile)
    shares = [0] * len(piles)
    for _ in range(min(count, sum(map(len, piles)))):
        least = min(
            (i for i, pile in enumerate(piles) if shares[i] < len(pile)), key=lambda index: shares[index]
        )
        shares[least] += 1
    chosen = [
        (each, prompt)
        for each, pile, share in zip(sets, piles, shares, strict=True)
        for prompt in pile[:share]
    ]
    if chance is not None:
        chance.shuffle(chosen)
    return chosen


def _text_of(path: Path) -> str:
    try:
        return read_document(path).text
    except (NotText, UnreadableFile, UnreadablePdf) as fault:
        # Its hint is for what is attached to a message.
        raise type(fault)(
            fault.message, "Choose a text file with a prompt in each line, or a .toml file."
        ) from fault


def _set_of(name: str, table: Mapping[str, Any]) -> PromptSet:
    """Raises ValueError, in words for people, or TypeError for a table that is none."""
    entries = table.get("prompt")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("there is no [[prompt]] in it")
    prose = resources.guide_answers() if any("fact" in entry for entry in entries) else ()
    prompts = tuple(_prompt_of(number, entry, prose) for number, entry in enumerate(entries, start=1))
    return PromptSet(name, str(table.get("title", name)), prompts, str(table.get("about", "")))


def _prompt_of(number: int, entry: Mapping[str, Any], prose: Sequence[str]) -> ComparePrompt:
    text, facts = entry.get("text"), entry.get("facts", [])
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"prompt {number} has no text")
    if not isinstance(facts, list) or not all(isinstance(fact, list) and fact for fact in facts):
        raise ValueError(f"the facts of prompt {number} are no lists of texts")
    if "fact" in entry:
        if not isinstance(entry["fact"], str) or "words" not in entry or "depth" not in entry:
            raise ValueError(f"the fact of prompt {number} is no text with words and a depth")
        passages = _first_words(prose, int(entry["words"]))
        passages.insert(round(float(entry["depth"]) * len(passages)), entry["fact"])
        text = "\n\n".join(["Read this document.", *passages, f"Answer from the document: {text}"])
    return ComparePrompt(text, tuple(tuple(map(str, fact)) for fact in facts))


def _first_words(prose: Sequence[str], words: int) -> list[str]:
    """As many passages as have about so many words."""
    chosen: list[str] = []
    for passage in prose:
        if words <= 0:
            break
        chosen.append(passage)
        words -= len(passage.split())
    return chosen
