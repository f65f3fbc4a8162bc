"""The part of a text in which words were found, short enough for a line."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from app.chat.search_words import Wanted, fold

SNIPPET_CHARACTERS = 240
_BEFORE = 60
_LONGEST_CUT = 24
"""How far a snippet moves its end to that of a word."""


@dataclass(frozen=True)
class Snippet:
    """`text` is one line, cut ends marked with "…"; the words found stand at its `places`, from the first character to
    the one behind the last. `words`: how many of those that were searched for. `start`: where it was in the text."""

    text: str
    places: tuple[tuple[int, int], ...]
    words: int
    start: int


def snippet_of(text: str, wanted: Wanted) -> Snippet:
    """Of the parts of `text` the first of those that hold most of the words; the beginning where it has none."""
    text = unicodedata.normalize("NFC", text)
    found = wanted.places(fold(text))
    first, words = _best(found)
    start, cut_before = _start(text, max(0, first - _BEFORE))
    end, cut_behind = _end(text, start + SNIPPET_CHARACTERS)
    mark = "…" if cut_before else ""
    shift = len(mark) - start
    places: list[tuple[int, int]] = []
    for begin, behind, _ in found:
        if start <= begin < end and (not places or begin + shift >= places[-1][1]):
            places.append((begin + shift, min(behind, end) + shift))
    line = mark + _flat(text[start:end]) + ("…" if cut_behind else "")
    return Snippet(line, tuple(places), words, first)


def _best(found: list[tuple[int, int, int]]) -> tuple[int, int]:
    """Where the words begin that are nearest to each other, and how many of those searched for there are at all."""
    best, most = found[0][0] if found else 0, 0
    reach = SNIPPET_CHARACTERS - _BEFORE - _LONGEST_CUT
    for at, (begin, _, word) in enumerate(found):
        seen = {word}
        for other, _, other_word in found[at + 1 : at + 33]:
            if other - begin > reach:
                break
            seen.add(other_word)
        if len(seen) > most:
            best, most = begin, len(seen)
    return best, len({word for _, _, word in found})


def _start(text: str, at: int) -> tuple[int, bool]:
    if at == 0:
        return 0, False
    space = next((here for here in range(at, at + _LONGEST_CUT) if text[here - 1].isspace()), at)
    return space, True


def _end(text: str, at: int) -> tuple[int, bool]:
    if at >= len(text):
        return len(text), False
    return next((here for here in range(at, at - _LONGEST_CUT, -1) if text[here].isspace()), at), True


def _flat(text: str) -> str:
    """On one line; as long as it was."""
    return "".join(" " if character.isspace() else character for character in text)
