"""What a grammar in GBNF says, read before llama.cpp does.

llama.cpp tells of a mistake only in its log, and some grammars end its process or never let it finish: rules that
begin with themselves by way of rules that may be empty, `{5,2}`, literals of a megabyte repeated a thousand times,
rules that double 40 times over. The notation is described in llama.cpp's grammars/README.md.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from app.core.errors import GrammarFault

ROOT = "root"
MOST_REPETITIONS = 2000
"""Beyond, llama.cpp refuses or, as an upper bound, takes it for "any number"."""

MOST_ELEMENTS = 500_000
"""Characters, classes and references after all repetitions are written out: 8 bytes each, kept several times."""

MOST_EMPTY_REPETITIONS = 10
"""Of what may be empty, so that each time is another way to read nothing."""

MOST_BEGINNINGS = 10_000
"""Ways to the first character of a rule. llama.cpp keeps each as a stack and compares it with all before it."""

MOST_DEPTH = 100
"""Of parentheses: llama.cpp calls itself for each."""

MOST_CHAIN = 2000
"""Rules that begin with a rule that begins with a rule: as before."""

_SPACE = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_SPACE_OR_LINES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_NAME = re.compile(r"[a-zA-Z0-9-]+")
_ESCAPE = r'\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[trn\\"\[\]-])'
_LITERAL = re.compile(rf'"((?:{_ESCAPE}|[^"\\])*)"')
_CLASS = re.compile(rf"\[\^?((?:{_ESCAPE}|[^\]\\])*)\]")
_BOUNDS = re.compile(r"\{\s*(\d+)\s*(?:(,)\s*(\d+)?\s*)?\}")
_CHARACTER = re.compile(rf"{_ESCAPE}|.", re.DOTALL)
_SHORT_REPEATS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


@dataclass(frozen=True)
class _Symbol:
    """`rule` None: something that takes a character. `elements`: how many llama.cpp writes for it."""

    rule: str | None
    elements: int = 1


_Sequence = list[_Symbol]


def check_grammar(text: str) -> None:
    """Raises GrammarFault, with line and column, where llama.cpp would not take `text` or not get over it."""
    reader = _Reader(text)
    reader.read()
    _check_beginnings(reader)


class _Reader:
    """`rules`: the alternatives of each, those that stand for parentheses and repetitions included. `places`: where
    each is written. `repetitions`: what is repeated, how often, and where."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._elements = 0
        self._made = 0
        self.rules: dict[str, list[_Sequence]] = {}
        self.places: dict[str, int] = {}
        self.repetitions: list[tuple[_Sequence, int, int]] = []
        self._used: dict[str, int] = {}

    def read(self) -> None:
        if "\0" in self._text:
            self.fail("it holds the character NUL", self._text.index("\0"))
        self._skip(_SPACE_OR_LINES)
        while self._at < len(self._text):
            self._rule()
        if ROOT not in self.rules:
            self.fail(f'the rule "{ROOT}", where an answer begins, is missing', 0)
        for name, place in self._used.items():
            if name not in self.rules:
                self.fail(f'there is no rule "{name}"', place)

    def fail(self, reason: str, place: int) -> NoReturn:
        line = self._text.count("\n", 0, place) + 1
        column = place - (self._text.rfind("\n", 0, place) + 1) + 1
        raise GrammarFault(
            f"The grammar cannot be used: {reason} (line {line}, column {column}).",
            "Correct the grammar, or leave it out.",
        )

    def _skip(self, space: re.Pattern[str]) -> None:
        match = space.match(self._text, self._at)
        assert match  # it may be empty
        self._at = match.end()

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._at)
        if match:
            self._at = match.end()
        return match

    def _rule(self) -> None:
        place = self._at
        name = self._take(_NAME)
        if not name:
            self.fail("the name of a rule is expected", place)
        self._skip(_SPACE)
        if not self._text.startswith("::=", self._at):
            self.fail('"::=" is expected', self._at)
        self._at += 3
        self._skip(_SPACE_OR_LINES)
        self.places[name[0]] = place
        self.rules[name[0]] = self._alternatives(name[0], 0)
        if self._at < len(self._text) and self._text[self._at] not in "\r\n":
            self.fail(f"{self._text[self._at]!r} is not expected", self._at)
        self._skip(_SPACE_OR_LINES)

    def _alternatives(self, owner: str, depth: int) -> list[_Sequence]:
        found = [self._sequence(owner, depth)]
        while self._text.startswith("|", self._at):
            self._at += 1
            self._skip(_SPACE_OR_LINES)
            found.append(self._sequence(owner, depth))
        return found

    def _sequence(self, owner: str, depth: int) -> _Sequence:
        sequence: _Sequence = []
        space = _SPACE_OR_LINES if depth else _SPACE
        while True:
            symbol = self._symbol(owner, depth)
            if symbol is None:
                return sequence
            self._skip(space)
            repeated = [symbol] if symbol.elements else []
            place = self._at
            while bounds := self._repeat():
                if not repeated:
                    self.fail("there is nothing to repeat", place)
                repeated = self._repeated(owner, repeated, *bounds, place)
                self._skip(space)
                place = self._at
            sequence += repeated

    def _symbol(self, owner: str, depth: int) -> _Symbol | None:
        place = self._at
        start = self._text[place : place + 1]
        if start in _SHORT_REPEATS or start == "{":
            self.fail("there is nothing to repeat", place)
        if start == "(":
            return self._group(owner, depth)
        if start == ".":
            self._at += 1
            return self._counted(_Symbol(None), place)
        if name := self._take(_NAME):
            self._used.setdefault(name[0], place)
            return self._counted(_Symbol(name[0]), place)
        if literal := self._take(_LITERAL) or self._take(_CLASS):
            return self._counted(_Symbol(None, sum(1 for _ in _CHARACTER.finditer(literal[1]))), place)
        if start in ("<", "!"):
            # What llama.cpp lets through in some of them, it does not accept afterwards, and ends its process.
            self.fail("tokens, written in angle brackets, cannot be used", place)
        if start in ('"', "["):
            self.fail("this is not closed, or holds an escape that GBNF does not know", place)
        return None

    def _group(self, owner: str, depth: int) -> _Symbol:
        place = self._at
        if depth >= MOST_DEPTH:
            self.fail(f"parentheses are more than {MOST_DEPTH} deep", place)
        self._at += 1
        self._skip(_SPACE_OR_LINES)
        alternatives = self._alternatives(owner, depth + 1)
        if not self._text.startswith(")", self._at):
            self.fail('")" is expected', self._at)
        self._at += 1
        return self._counted(self._made_rule(owner, alternatives), place)

    def _repeat(self) -> tuple[int, int | None] | None:
        place = self._at
        if short := _SHORT_REPEATS.get(self._text[place : place + 1]):
            self._at += 1
            return short
        if not self._text.startswith("{", place):
            return None
        bounds = self._take(_BOUNDS)
        if not bounds or any(len(digits or "") > 9 for digits in (bounds[1], bounds[3])):
            self.fail("a repetition is written {3}, {3,} or {3,5}", place)
        least = int(bounds[1])
        most = least if not bounds[2] else int(bounds[3]) if bounds[3] else None
        if max(least, most or 0) > MOST_REPETITIONS:
            self.fail(f"nothing can be repeated more than {MOST_REPETITIONS:,} times", place)
        if most is not None and most < least:
            self.fail("the most of a repetition is less than its least", place)
        return least, most

    def _repeated(self, owner: str, what: _Sequence, least: int, most: int | None, place: int) -> _Sequence:
        """`what`, so many times, as llama.cpp writes it out."""
        optional = 1 if most is None else most - least
        self.repetitions.append((what, max(least, optional), place))
        size = sum(symbol.elements for symbol in what)
        self._count((max(least, 1) - 1) * size + optional * (size + 3), place)
        found = what * least
        if most is None:
            more = self._made_rule(owner, [])
            self.rules[more.rule or ""] += [[*what, more], []]
            found = [*found, more]
        elif optional:
            found = [*found, self._made_rule(owner, [what * optional, []])]
        return found

    def _made_rule(self, owner: str, alternatives: list[_Sequence]) -> _Symbol:
        self._made += 1
        name = f"{owner.partition('_')[0]}_{self._made}"  # no name that is written has an underscore
        self.rules[name] = alternatives
        return _Symbol(name)

    def _counted(self, symbol: _Symbol, place: int) -> _Symbol:
        self._count(symbol.elements, place)
        return symbol

    def _count(self, elements: int, place: int) -> None:
        self._elements += elements
        if self._elements > MOST_ELEMENTS:
            self.fail(f"with its repetitions written out it has more than {MOST_ELEMENTS:,} parts", place)


def _check_beginnings(reader: _Reader) -> None:
    """No rule begins with itself, and there are not too many ways to begin."""
    empty = _may_be_empty(reader.rules)
    for what, times, place in reader.repetitions:
        if times > MOST_EMPTY_REPETITIONS and all(symbol.rule in empty for symbol in what):
            reader.fail("what may be empty is repeated many times", place)
    begins = {name: list(_beginnings(rule, empty)) for name, rule in reader.rules.items()}
    ways: dict[str, int] = {}
    chain: dict[str, int] = {}
    for first in begins:
        if first in ways:
            continue
        path = {
            first: iter(begins[first])
        }  # the rules that are being looked at, each begun by the one before
        while path:
            name, rest = next(reversed(path.items()))
            place = reader.places[name.partition("_")[0]]
            following = next((rule for rule in rest if rule and rule not in ways), None)
            if following is None:
                del path[name]
                starts = begins[name]
                ways[name] = 1 + sum(ways[rule] if rule else 1 for rule in starts)
                chain[name] = 1 + max((chain[rule] for rule in starts if rule), default=0)
                if ways[name] > MOST_BEGINNINGS or chain[name] > MOST_CHAIN:
                    reader.fail("there are too many ways to begin this rule", place)
            elif following in path:
                reader.fail(
                    f'the rule "{name.partition("_")[0]}" can begin with itself (left recursion),'
                    " or repeats what may be empty",
                    place,
                )
            else:
                path[following] = iter(begins[following])


def _beginnings(rule: list[_Sequence], empty: set[str]) -> Iterator[str | None]:
    """The rules that `rule` can begin with, None for each character."""
    for sequence in rule:
        for symbol in sequence:
            yield symbol.rule
            if symbol.rule not in empty:
                break


def _may_be_empty(rules: dict[str, list[_Sequence]]) -> set[str]:
    users: dict[str, list[tuple[str, int]]] = defaultdict(list)
    missing: dict[tuple[str, int], int] = {}
    todo: list[str] = []
    for name, rule in rules.items():
        for number, sequence in enumerate(rule):
            if any(symbol.rule is None for symbol in sequence):
                continue
            missing[name, number] = len(sequence)
            for symbol in sequence:
                users[symbol.rule or ""].append((name, number))
            if not sequence:
                todo.append(name)
    empty: set[str] = set()
    while todo:
        name = todo.pop()
        if name in empty:
            continue
        empty.add(name)
        for user in users[name]:
            missing[user] -= 1
            if not missing[user]:
                todo.append(user[0])
    return empty
