"""Where a place in Markdown text stands in what is shown of it, in which its marks are not."""

from __future__ import annotations

import re
from collections.abc import Sequence

AHEAD = 8
"""So many words are looked ahead for one that does not come next: marks inside of a word part it in the source only."""

_WORD = re.compile(r"\w+")


def place_in(shown: str, source: str, at: int) -> int:
    """The place in `shown` of the character `at` of `source`, found by the words before it.

    In formulas and addresses, which are not shown letter by letter, it is the place behind what was shown before.
    """
    (place,) = places_in(shown, source, [at])
    return place


def places_in(shown: str, source: str, ascending: Sequence[int]) -> list[int]:
    """The same for several places, in one go through both texts."""
    spoken = [(each[0], each.start(), each.end()) for each in _WORD.finditer(source)]
    words = [(each.start(), each.end()) for each in _WORD.finditer(shown)]
    found = []
    place = behind = following = number = 0
    for at in ascending:
        while number < len(spoken) and spoken[number][2] <= at:
            matched = _match(shown, words, following, spoken[number][0])
            if matched is not None:
                place, behind, following = words[matched][1], spoken[number][2], matched + 1
            number += 1
        inside = None
        if number < len(spoken) and spoken[number][1] <= at:
            inside = _match(shown, words, following, spoken[number][0])
        if inside is not None:
            found.append(words[inside][0] + at - spoken[number][1])
        else:
            found.append(_stepped(shown, place, source[behind:at]))
    return found


def _match(shown: str, words: Sequence[tuple[int, int]], following: int, word: str) -> int | None:
    """The number of the next word of these that is `word`."""
    for number in range(following, min(following + AHEAD, len(words))):
        start, end = words[number]
        if shown[start:end] == word:
            return number
    return None


def _stepped(shown: str, place: int, between: str) -> int:
    """Behind what of `between`, signs and white space, comes next in `shown`."""
    for character in between:
        next_shown = shown[place : place + 1]
        place += next_shown == character or (next_shown.isspace() and character.isspace())
    return place


def word_at(shown: str, place: int) -> tuple[int, int]:
    """From `place` to the end of the word that is there or begins next."""
    end = place
    while end < len(shown) and shown[end].isspace():
        end += 1
    while end < len(shown) and not shown[end].isspace():
        end += 1
    return place, end


def utf16_length(text: str) -> int:
    """Qt counts in UTF-16, Python in code points."""
    return len(text) + sum(character > "\uffff" for character in text)
