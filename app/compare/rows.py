"""Answers beside each other, line by line: which part of each other answer belongs to a line of the first one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise

from app.compare.alignment import Stretch, align

_LINE = re.compile(r"[^\n]*\n+|[^\n]+$")
LONGEST = 600
"""Characters of a line that is not cut at the end of a sentence."""
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+")
_GAP = re.compile(rf"\S{{1,{LONGEST}}}\s*|\s+")
"""Where a long line without sentences is cut: between words, and inside those that are longer still."""


@dataclass(frozen=True)
class Part:
    """Some of an answer; `differs`: where in `text`, as (start, end)."""

    text: str
    differs: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Row:
    """`parts`: one for each answer. `words`: how many the first answer has in it."""

    parts: tuple[Part, ...]
    words: int

    @property
    def same(self) -> bool:
        return not any(part.differs for part in self.parts)


def rows_of(answers: Sequence[str], aligned: Sequence[Sequence[Stretch]] | None = None) -> list[Row]:
    """`answers`: two or more, of which each is compared with the first; `aligned`: the first one with each other, where
    that is known."""
    reference = answers[0]
    ends = _ends(reference)
    if aligned is None:
        aligned = [align(reference, other) for other in answers[1:]]
    columns = [
        _column(reference, other, stretches, ends)
        for other, stretches in zip(answers[1:], aligned, strict=True)
    ]
    rows = []
    for number, (start, end) in enumerate(pairwise([0, *ends])):
        # A word of the first answer differs where any other one has another.
        differs = sorted({span for column in columns for span in column[number][0]})
        parts = [Part(reference[start:end], tuple(_joined(differs)))]
        parts += [column[number][1] for column in columns]
        rows.append(Row(tuple(parts), len(reference[start:end].split())))
    return rows


def _ends(text: str) -> list[int]:
    """Of its lines, long ones cut between sentences. The last one is the text's."""
    ends = []
    for line in _LINE.finditer(text):
        begun = line.start()
        if len(line[0]) > LONGEST:
            for place in _cuts(text, line.start(), line.end()):
                if place - begun >= LONGEST / 2:
                    ends.append(place)
                    begun = place
        if not ends or ends[-1] != line.end():
            ends.append(line.end())
    return ends or [len(text)]


def _cuts(text: str, start: int, end: int) -> Iterator[int]:
    """The ends of sentences; of what is much longer than a line without one, those of words."""
    begun = start
    for sentence in chain((gap.end() for gap in _SENTENCE.finditer(text, start, end)), (end,)):
        if sentence - begun > 2 * LONGEST:
            taken = begun
            for gap in _GAP.finditer(text, begun, sentence):
                if gap.end() - taken >= LONGEST:
                    taken = gap.end()
                    yield taken
        yield sentence
        begun = sentence


def _column(
    first: str, second: str, stretches: Sequence[Stretch], ends: Sequence[int]
) -> list[tuple[list[tuple[int, int]], Part]]:
    """For each line of the first answer where it differs, and what of the second one is beside it."""
    column = []
    different = [stretch for stretch in stretches if not stretch.same]
    begun = taken = 0
    for number, end in enumerate(ends):
        last = number == len(ends) - 1
        until = len(second) if last else _counterpart(stretches, end)
        until = max(until, taken)
        mine: list[tuple[int, int]] = []
        theirs: list[tuple[int, int]] = []
        for stretch in _reaching(different, begun, key=lambda each: each.first[1]):
            if stretch.first[0] >= end:
                break
            mine += _within(first, stretch.first, begun, end)
        for stretch in _reaching(different, taken, key=lambda each: each.second[1]):
            if stretch.second[0] >= until:
                break
            theirs += _within(second, stretch.second, taken, until)
        # Words that only the other answer has are marked there alone.
        column.append((mine, Part(second[taken:until], tuple(theirs))))
        begun, taken = end, until
    return column


def _counterpart(stretches: Sequence[Stretch], at: int) -> int:
    """The place in the second text of character `at` of the first one; behind all that was put in its place."""
    for stretch in _reaching(stretches, at, key=lambda each: each.first[1]):
        start = stretch.first[0]
        if stretch.same:
            return min(stretch.second[0] + at - start, stretch.second[1])
        return stretch.second[1] if at > start else stretch.second[0]
    return stretches[-1].second[1] if stretches else 0


def _reaching(stretches: Sequence[Stretch], place: int, key: Callable[[Stretch], int]) -> Iterator[Stretch]:
    """From the first one on whose `key`, its end, is behind `place`."""
    return islice(stretches, bisect_right(stretches, place, key=key), None)


def _within(text: str, span: tuple[int, int], start: int, end: int) -> list[tuple[int, int]]:
    """What of `span` is there, counted from `start`, without white space around it."""
    low, high = max(span[0], start), min(span[1], end)
    if low >= high:
        return []
    piece = text[low:high]
    low += len(piece) - len(piece.lstrip())
    high -= len(piece) - len(piece.rstrip())
    return [(low - start, high - start)] if low < high else []


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those that overlap as one."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
