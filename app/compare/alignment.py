"""Which words of two answers belong together, and which of them differ.

Words that stand in both answers once are put in order first (Bram Cohen's "patience diff"), as the longest sequence
that rises in both; between these, difflib's longest matches are taken, the longest first, for as long as there is
`Effort` left: where the same few words come again and again, that would take the square of the length, or more. So what
both have in common is found where a person would see it, and no text takes longer than some seconds.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate, pairwise

MOST_STEPS = 10_000_000
"""Pairs of equal words that may be looked at for two texts, again at each match; about a second."""
WINDOW = 500
"""Words that are compared by themselves where there is too little effort left for all at once."""

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


class Effort:
    """How many steps comparing may still take. `is_spent`: they were too few, so that words are told as different that
    may stand in both texts."""

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self._left = steps
        self.is_spent = False

    def allows(self, steps: int, but: int = 0) -> bool:
        """Takes them, where more than `but` are left afterwards."""
        if self._left - steps < but:
            return False
        self._left -= steps
        return True

    @property
    def left(self) -> int:
        return self._left


def align(first: str, second: str, effort: Effort | None = None) -> list[Stretch]:
    """From the beginning to the end of both."""
    a, b = _Words(first), _Words(second)
    stretches: list[Stretch] = []
    at_a = at_b = 0
    for same, to_a, to_b in _runs(a.words, b.words, effort or Effort()):
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


def _runs(a: Sequence[str], b: Sequence[str], effort: Effort) -> Iterator[tuple[bool, int, int]]:
    """Whether the words up to these places, from where the last run ended, agree. Runs of either kind in turns."""
    same: bool | None = None
    at_a = at_b = 0
    for next_same, to_a, to_b in _pieces(a, b, effort):
        if (to_a, to_b) == (at_a, at_b):
            continue
        if same is not None and next_same != same:
            yield same, at_a, at_b
        same, at_a, at_b = next_same, to_a, to_b
    if same is not None:
        yield same, at_a, at_b


def _pieces(a: Sequence[str], b: Sequence[str], effort: Effort) -> Iterator[tuple[bool, int, int]]:
    at_a = at_b = 0
    for anchor_a, anchor_b in [*_anchors(a, b), (len(a), len(b))]:
        yield from _between(a, at_a, anchor_a, b, at_b, anchor_b, effort)
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
    a: Sequence[str], from_a: int, to_a: int, b: Sequence[str], from_b: int, to_b: int, effort: Effort
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
    rest_a, rest_b = a[from_a : to_a - end], b[from_b : to_b - end]
    for at_a, at_b, size in _blocks(rest_a, rest_b, effort):
        yield False, from_a + at_a, from_b + at_b
        yield True, from_a + at_a + size, from_b + at_b + size
    yield False, to_a - end, to_b - end
    yield True, to_a, to_b


Block = tuple[int, int, int]
"""Where words agree: the first one's place in either text, and how many."""
Range = tuple[int, int, int, int]
"""Words of one text and of the other, from and to."""


def _blocks(a: Sequence[str], b: Sequence[str], effort: Effort) -> list[Block]:
    """In order. The first half of the effort is for looking at all words at once, the other half for what is then left,
    a window of each text at a time."""
    if not a or not b:
        return []
    # What difflib takes to look at words of `a`: each of them, and all places of `b` with the same word.
    counts = Counter(b)
    costs = [0, *accumulate(1 + counts[word] for word in a)]
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    found, left = _matched(matcher, costs, [(0, len(a), 0, len(b))], effort, effort.left // 2)
    windows = [window for each in left for window in _windows(each)]
    for from_a, to_a, from_b, to_b in windows:
        part_a, part_b = a[from_a:to_a], b[from_b:to_b]
        counts = Counter(part_b)
        costs = [0, *accumulate(1 + counts[word] for word in part_a)]
        matcher = SequenceMatcher(None, part_a, part_b, autojunk=False)
        more, rest = _matched(matcher, costs, [(0, len(part_a), 0, len(part_b))], effort, 0)
        found += [(from_a + at_a, from_b + at_b, size) for at_a, at_b, size in more]
        effort.is_spent = effort.is_spent or bool(rest)
    return sorted(found)


def _matched(
    matcher: SequenceMatcher[str], costs: Sequence[int], ranges: Sequence[Range], effort: Effort, keep: int
) -> tuple[list[Block], list[Range]]:
    """The matches in these ranges, and what there was too little effort for, of which `keep` is not touched."""
    waiting, found, left = deque(ranges), [], []
    while waiting:
        from_a, to_a, from_b, to_b = each = waiting.popleft()
        if from_a == to_a or from_b == to_b:
            continue
        if not effort.allows(costs[to_a] - costs[from_a], keep):
            left.append(each)
            continue
        match = matcher.find_longest_match(from_a, to_a, from_b, to_b)
        if match.size:
            found.append((match.a, match.b, match.size))
            waiting.append((from_a, match.a, from_b, match.b))
            waiting.append((match.a + match.size, to_a, match.b + match.size, to_b))
    return found, left


def _windows(whole: Range) -> Iterator[Range]:
    """Of as many words each in proportion."""
    from_a, to_a, from_b, to_b = whole
    count = max(-(-(to_a - from_a) // WINDOW), 1)
    cuts = [
        (from_a + (to_a - from_a) * number // count, from_b + (to_b - from_b) * number // count)
        for number in range(count + 1)
    ]
    for (begin_a, begin_b), (end_a, end_b) in pairwise(cuts):
        yield begin_a, end_a, begin_b, end_b
