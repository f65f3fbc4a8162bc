"""Which words of two answers belong together, and which of them differ.

Words that stand in both answers once are put in order first (Bram Cohen's "patience diff"), as the longest sequence
that rises in both; between these, difflib compares what is left, where that is not too much. So long answers take no
more than their length times its logarithm, and what both have in common is found where a person would see it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

MOST_PAIRS = 200_000
"""Pairs of equal words between two anchors that difflib may have to look at; beyond that they are told as different.
About a tenth of a second."""

# Letters of scripts that are written without spaces are words of their own: kana, ideographs, Thai, Lao, Khmer.
_WORD = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    r"|\w+?(?=[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])"
    # A number with its separators is one word, as are "don't" and its like.
    r"|\d+(?:[.,:/]\d+)+|\w+(?:['’]\w+)*|[^\w\s]"
)


@dataclass(frozen=True)
class Stretch:
    """Characters `first` of one text beside characters `second` of the other, as (start, end). They follow each other
    without a gap, white space with the word before it; white space alone makes no difference."""

    same: bool
    first: tuple[int, int]
    second: tuple[int, int]


def align(first: str, second: str) -> list[Stretch]:
    """From the beginning to the end of both."""
    a, b = _Words(first), _Words(second)
    stretches: list[Stretch] = []
    at_a = at_b = 0
    for same, to_a, to_b in _runs(a.words, b.words):
        stretches.append(Stretch(same, (a.place(at_a), a.place(to_a)), (b.place(at_b), b.place(to_b))))
        at_a, at_b = to_a, to_b
    return stretches


def differences(stretches: Sequence[Stretch], which: int, text: str) -> list[tuple[int, int]]:
    """Where text `which` (0 or 1) differs, without the white space at the end."""
    found = []
    for stretch in stretches:
        start, end = stretch.second if which else stretch.first
        if not stretch.same and (words := text[start:end].rstrip()):
            found.append((start, start + len(words)))
    return found


class _Words:
    def __init__(self, text: str) -> None:
        found = list(_WORD.finditer(text))
        self.words = [each[0] for each in found]
        self._starts = [each.start() for each in found]
        self._length = len(text)

    def place(self, number: int) -> int:
        """Where word `number` begins; the text's end behind the last one, and its beginning before the first."""
        if number == 0:
            return 0
        return self._starts[number] if number < len(self._starts) else self._length


def _runs(a: Sequence[str], b: Sequence[str]) -> Iterator[tuple[bool, int, int]]:
    """Whether the words up to these places, from where the last run ended, agree. Runs of either kind in turns."""
    same: bool | None = None
    at_a = at_b = 0
    for next_same, to_a, to_b in _pieces(a, b):
        if (to_a, to_b) == (at_a, at_b):
            continue
        if same is not None and next_same != same:
            yield same, at_a, at_b
        same, at_a, at_b = next_same, to_a, to_b
    if same is not None:
        yield same, at_a, at_b


def _pieces(a: Sequence[str], b: Sequence[str]) -> Iterator[tuple[bool, int, int]]:
    at_a = at_b = 0
    for anchor_a, anchor_b in [*_anchors(a, b), (len(a), len(b))]:
        yield from _between(a, at_a, anchor_a, b, at_b, anchor_b)
        if anchor_a < len(a):
            yield True, anchor_a + 1, anchor_b + 1
        at_a, at_b = anchor_a + 1, anchor_b + 1


def _anchors(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]]:
    """Places of words that each text has once, as many as rise in both."""
    once_a, once_b = _once(a), _once(b)
    pairs = [(place, once_b[word]) for word, place in once_a.items() if word in once_b]
    return _longest_rise(pairs)


def _once(words: Sequence[str]) -> dict[str, int]:
    counts = Counter(words)
    return {word: place for place, word in enumerate(words) if counts[word] == 1}


def _longest_rise(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Of pairs whose first numbers rise, those whose second ones do as well (longest increasing subsequence)."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        before.append(last[length - 1] if length else -1)
        if length == len(ends):
            ends.append(place)
            last.append(number)
        else:
            ends[length], last[length] = place, number
    chosen = []
    number = last[-1] if last else -1
    while number >= 0:
        chosen.append(pairs[number])
        number = before[number]
    return chosen[::-1]


def _between(
    a: Sequence[str], from_a: int, to_a: int, b: Sequence[str], from_b: int, to_b: int
) -> Iterator[tuple[bool, int, int]]:
    """Of the words between two anchors. What both begin and end with is the same, whatever is between."""
    start = 0
    while start < min(to_a - from_a, to_b - from_b) and a[from_a + start] == b[from_b + start]:
        start += 1
    yield True, from_a + start, from_b + start
    from_a, from_b = from_a + start, from_b + start
    end = 0
    while end < min(to_a - from_a, to_b - from_b) and a[to_a - 1 - end] == b[to_b - 1 - end]:
        end += 1
    yield from _compared(a[from_a : to_a - end], b[from_b : to_b - end], from_a, from_b)
    yield True, to_a, to_b


def _compared(
    a: Sequence[str], b: Sequence[str], from_a: int, from_b: int
) -> Iterator[tuple[bool, int, int]]:
    counts_a, counts_b = Counter(a), Counter(b)
    if sum(count * counts_b[word] for word, count in counts_a.items()) <= MOST_PAIRS:
        for block in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks():
            yield False, from_a + block.a, from_b + block.b
            yield True, from_a + block.a + block.size, from_b + block.b + block.size
    yield False, from_a + len(a), from_b + len(b)
