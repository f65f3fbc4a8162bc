"""Where a place in Markdown text stands in what is shown of it, in which its marks are not."""

from __future__ import annotations

import re

AHEAD = 8
"""So many words are looked ahead for one that does not come next: marks inside of a word part it in the source only."""

_WORD = re.compile(r"\w+")


def place_in(shown: str, source: str, at: int) -> int:
    """The place in `shown` of the character `at` of `source`, found by the words before it.

    In formulas and addresses, which are not shown letter by letter, it is the place behind what was shown before.
    """
    place = behind = 0
    words = [(each.start(), each.end()) for each in _WORD.finditer(shown)]
    following = 0
    for found in _WORD.finditer(source):
        if found.start() > at:
            break
        word = found[0]
        for number in range(following, min(following + AHEAD, len(words))):
            start, end = words[number]
            if shown[start:end] == word:
                if at < found.end():
                    return start + at - found.start()
                place, following, behind = end, number + 1, found.end()
                break
    for character in source[behind:at]:
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
