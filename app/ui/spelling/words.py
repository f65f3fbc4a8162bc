"""Which parts of a text are words of a language: no code, addresses, names of files, figures or abbreviations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_CHUNK = re.compile(r"`[^`]*`?|\S+")
_NO_PROSE = re.compile(r"[`@\\_\d/<>{}=#$%^|~]|://|\w\.\w|\w\(|::")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


@dataclass(frozen=True)
class Word:
    """`start` and `length` in UTF-16 units, as Qt counts."""

    text: str
    start: int
    length: int


def words_in(text: str) -> Iterator[Word]:
    """Of one paragraph, in order."""
    wide = not text.isascii() and any(ord(each) > 0xFFFF for each in text)
    for chunk in _CHUNK.finditer(text):
        if _NO_PROSE.search(chunk[0]):
            continue
        for found in _WORD.finditer(chunk[0]):
            word = found[0]
            if len(word) < 2 or any(letter.isupper() for letter in word[1:]):
                continue  # NASA, camelCase
            start = chunk.start() + found.start()
            before = sum(ord(each) > 0xFFFF for each in text[:start]) if wide else 0
            yield Word(word, start + before, len(word) + sum(ord(each) > 0xFFFF for each in word))
