"""Patterns for the names of tensors: regular expressions as llama-quantize takes them, found anywhere in a name.

Its expressions are those of ECMAScript. Here they lack only what needs backtracking (references and looking around),
and all possibilities are followed at once (K. Thompson, "Regular Expression Search Algorithm", 1968): no pattern can
go on for ever. Capital letters count as small ones, as there.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TypeAlias

from app.core.errors import WrongChoice

LONGEST = 200
_MOST_REPEATS = 1000
_CLASSES = {
    "d": frozenset(string.digits),
    "w": frozenset(string.ascii_letters.lower() + string.digits + "_"),
    "s": frozenset(string.whitespace),
}


@dataclass(frozen=True)
class _Character:
    members: frozenset[str]
    negated: bool = False


@dataclass(frozen=True)
class _Edge:
    at_end: bool


@dataclass(frozen=True)
class _Sequence:
    parts: tuple[_Node, ...]


@dataclass(frozen=True)
class _Either:
    options: tuple[_Node, ...]


@dataclass(frozen=True)
class _Repeat:
    """`most` None: without a limit."""

    part: _Node
    least: int
    most: int | None


_Node: TypeAlias = "_Character | _Edge | _Sequence | _Either | _Repeat"
_Known: TypeAlias = "dict[tuple[int, int], frozenset[int]]"


class NamePattern:
    def __init__(self, text: str) -> None:
        """Raises WrongChoice where `text` is no such pattern."""
        self.text = text
        self._root = _Reader(text).read()

    def found_in(self, name: str) -> bool:
        known: _Known = {}
        return any(_ends(self._root, name.lower(), start, known) for start in range(len(name) + 1))


def _ends(node: _Node, name: str, start: int, known: _Known) -> frozenset[int]:
    """Where matches of `node` that begin at `start` end."""
    key = (id(node), start)
    if key not in known:
        known[key] = _ends_anew(node, name, start, known)
    return known[key]


def _ends_anew(node: _Node, name: str, start: int, known: _Known) -> frozenset[int]:
    match node:
        case _Character(members, negated):
            fits = start < len(name) and (name[start] in members) is not negated
            return frozenset({start + 1}) if fits else frozenset()
        case _Edge(at_end):
            return frozenset({start}) if start == (len(name) if at_end else 0) else frozenset()
        case _Sequence(parts):
            reached = frozenset({start})
            for part in parts:
                reached = _ends_from(part, name, reached, known)
            return reached
        case _Either(options):
            return frozenset().union(*(_ends(option, name, start, known) for option in options))
        case _Repeat(part, least, most):
            reached = frozenset({start})
            for _ in range(least):
                before, reached = reached, _ends_from(part, name, reached, known)
                if reached == before:
                    break  # and so it stays
            ends, number = reached, least
            while reached and (most is None or number < most):
                reached = _ends_from(part, name, reached, known) - ends
                ends, number = ends | reached, number + 1
            return ends


def _ends_from(node: _Node, name: str, starts: frozenset[int], known: _Known) -> frozenset[int]:
    return frozenset().union(*(_ends(node, name, start, known) for start in starts))


class _Reader:
    """Recursive descent: alternatives, of sequences, of repeated single parts."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def read(self) -> _Node:
        if not 0 < len(self._text) <= LONGEST:
            raise self._fault(f"it has {len(self._text)} letters, where 1 to {LONGEST} are possible")
        node = self._either()
        if self._place < len(self._text):
            raise self._fault("a ) closes nothing")
        return node

    def _either(self) -> _Node:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return _Either(tuple(options))

    def _sequence(self) -> _Node:
        parts = []
        while self._place < len(self._text) and self._text[self._place] not in "|)":
            parts.append(self._repeated())
        return _Sequence(tuple(parts))

    def _repeated(self) -> _Node:
        if self._text[self._place] in "*+?{":
            raise self._fault(f"{self._text[self._place]} repeats nothing")
        part = self._single()
        least, most = self._times()
        if (least, most) == (1, 1):
            return part
        self._take("?")  # as few as possible: which is of no matter where only being found counts
        return _Repeat(part, least, most)

    def _times(self) -> tuple[int, int | None]:
        for sign, times in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return times
        if not self._take("{"):
            return 1, 1
        inside, closed, _ = self._text[self._place :].partition("}")
        least, comma, most = inside.partition(",")
        numbers = [least, most] if most else [least]
        if not closed or not all(each.isascii() and each.isdecimal() and len(each) < 5 for each in numbers):
            raise self._fault("what stands in { } is no number of times")
        self._place += len(inside) + 1
        low, high = int(least), int(most) if most else None if comma else int(least)
        if max(low, high or 0) > _MOST_REPEATS or (high is not None and high < low):
            raise self._fault(f"{{{inside}}} is no possible number of times")
        return low, high

    def _single(self) -> _Node:
        letter = self._next()
        if letter == "(":
            return self._group()
        if letter == "[":
            return self._set()
        if letter == ".":
            return _Character(frozenset("\n\r"), negated=True)
        if letter in "^$":
            return _Edge(at_end=letter == "$")
        if letter == "\\":
            return self._escaped()
        if letter in "]}":
            raise self._fault(f"a {letter} closes nothing")
        return _Character(frozenset(letter.lower()))

    def _group(self) -> _Node:
        if self._take("?") and not self._take(":"):
            raise self._fault("it looks around with (?, which no pattern here can")
        node = self._either()
        if not self._take(")"):
            raise self._fault("a ( is not closed")
        return node

    def _set(self) -> _Node:
        negated = self._take("^")
        members: set[str] = set()
        while not self._take("]"):
            first = self._member()
            if self._text[self._place : self._place + 1] == "-" and self._text[self._place + 1 :][:1] != "]":
                self._next()
                last = self._member()
                if len(first) > 1 or len(last) > 1 or not ord(min(first)) <= ord(min(last)) < 128:
                    raise self._fault("a range in [ ] does not go upwards")
                first = frozenset(map(chr, range(ord(min(first)), ord(min(last)) + 1)))
            members |= {each.lower() for each in first}
        return _Character(frozenset(members), negated)

    def _member(self) -> frozenset[str]:
        letter = self._next("a [ is not closed")
        return self._escaped().members if letter == "\\" else frozenset(letter)

    def _escaped(self) -> _Character:
        letter = self._next("it ends with a single \\").lower()
        if letter in _CLASSES:
            return _Character(_CLASSES[letter])
        if letter.isalnum():
            raise self._fault(f"\\{letter} is no pattern here")
        return _Character(frozenset(letter))

    def _take(self, letter: str) -> bool:
        found = self._text.startswith(letter, self._place)
        self._place += found
        return found

    def _next(self, reason: str = "it ends too early") -> str:
        if self._place >= len(self._text):
            raise self._fault(reason)
        self._place += 1
        return self._text[self._place - 1]

    def _fault(self, reason: str) -> WrongChoice:
        return WrongChoice(
            f"The pattern {self._text[:60]!r} cannot be read: {reason}.",
            "Write a part of a tensor's name, such as attn_v, or a regular expression, such as blk\\.[0-3]\\.ffn_down.",
        )
