"""Cuts a growing Markdown text into blocks: those that nothing that follows can change, and the last one, still open.

Pure Python, no Qt. However the text is cut into pieces, the blocks in the end are the same (except for what is said of
references in `Splitter.finish`). The parser itself says where blocks begin; it only ever sees the text from the last
cut on, so that the cost of more text does not grow with the text before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from markdown_it.token import Token

from app.ui.prose.parser import is_too_deep, is_unclosed_formula, parse

MOST_CHARACTERS, MOST_WITHOUT_END = 4_000, 5_000
"""A block of more than so many characters is not formatted; it ends with its line, or in it where that is too long.
Parsing and laying out so many takes some ten milliseconds."""

_FENCE = re.compile(r"(`{3,}(?=[^`\n]*$)|~{3,})[ \t]*([^\n]*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """`kind`: markdown (`tokens` say what), code (of a fence: `language`, and `text` without the fence) or plain.

    `source` is the text it was made of, and what else stands before the next. Each item of a list is a block, with its
    number as the `start` of the list.
    """

    kind: str
    source: str = field(compare=False)
    text: str = ""
    language: str = ""
    tokens: list[Token] = field(default_factory=list, compare=False, repr=False)


def plain(text: str) -> Block:
    """Text that is shown as it is."""
    return Block("plain", text, text)


@dataclass(frozen=True)
class Step:
    """What more text has brought: blocks that are finished now, in order, and the one that is still open after them."""

    finished: list[Block]
    open: Block | None


@dataclass(frozen=True)
class _List:
    """The list that the text before the cut ended in."""

    mark: str
    next_number: int | None


class Splitter:
    """`feed` it a text in pieces, then `finish`."""

    def __init__(self, references: dict[str, Any] | None = None) -> None:
        self._references: dict[str, Any] = dict(references or {})
        self._tail = ""
        self._list: _List | None = None
        self._fence: _Fence | None = None

    @property
    def references(self) -> dict[str, Any]:
        """The definitions of links found so far, by label."""
        return self._references

    def feed(self, text: str) -> Step:
        """More of the text, in which lines end with a line feed."""
        self._tail += text
        return self._step(is_end=False)

    def finish(self) -> Step:
        """There is no more: every block is finished.

        Links whose definition came only after their block was finished were taken for text. Who wants them splits
        the text once more, with the `references` that are known now.
        """
        return self._step(is_end=True)

    def _step(self, is_end: bool) -> Step:
        finished: list[Block] = []
        while True:
            found = self._in_fence(is_end) if self._fence else self._outside(is_end)
            finished += found.finished
            if found.open is not None or not found.finished:
                return Step(finished, found.open)

    # Text

    def _outside(self, is_end: bool) -> Step:
        """One or more finished blocks and nothing open: there may be more."""
        text = self._tail
        if not text.strip():
            return Step([], None)
        env: dict[str, Any] = {"references": dict(self._references), "open": not is_end}
        tokens = parse(text, env)
        parts = _parts(tokens, text)
        if not parts:  # definitions only
            return self._cut([], [], env, None, len(text)) if is_end else Step([], None)
        starts = [part.start for part in parts] + [len(text)]
        for number, part in enumerate(parts):
            is_last = number == len(parts) - 1
            if (end := _too_long(text, part.start, starts[number + 1])) is not None:
                return self._cut(parts[:number], starts, env, plain(text[part.start : end]), end)
            if part.opens_fence and is_last:
                self._fence = _Fence.at(text, part.start)
                if self._fence is not None:
                    before = self._cut(parts[:number], starts, env, None, self._fence.begin)
                    inside = self._in_fence(is_end)
                    return Step(before.finished + inside.finished, inside.open)
        if is_end:
            return self._cut(parts, starts, env, None, len(text))
        kept = _first_open(parts, text)
        step = self._cut(parts[:kept], starts[: kept + 1], env, None, starts[kept])
        # What is left was parsed already; a list goes on in another way, but that is known.
        return Step(step.finished, self._join(parts[kept:], text))

    def _cut(
        self, parts: list[_Part], starts: list[int], env: dict[str, Any], last: Block | None, end: int
    ) -> Step:
        """Takes the text before `end` away; it is `parts`, and `last`."""
        text = self._tail
        blocks = []
        for part, start, stop in zip(parts, starts, starts[1:], strict=False):
            blocks.append(self._block(part, text[start : min(stop, end)]))
            self._list = self._list_after(part)
        if last is not None:
            blocks.append(last)
            self._list = None
        lines = text.count("\n", 0, end) + (not text.endswith("\n", 0, end))
        for label, found in env["references"].items():
            if label not in self._references and found["map"][1] <= lines:
                self._references[label] = {**found, "map": [0, 0]}
        self._tail = text[end:]
        return Step(blocks, None)

    def _join(self, parts: list[_Part], text: str) -> Block | None:
        """The open block: what has not been cut off, usually one part of the text."""
        if not parts:
            return None
        if len(parts) == 1:
            return self._block(parts[0], text[parts[0].start :])
        tokens = [token for part in parts for token in part.tokens]
        return Block("markdown", text[parts[0].start :].rstrip("\n"), tokens=tokens)

    def _block(self, part: _Part, source: str) -> Block:
        tokens, source = part.tokens, source.rstrip("\n")
        if is_too_deep(tokens):
            return plain(source)
        if part.fence is not None:
            return Block("code", source, part.fence.content, part.fence.info.strip())
        number = self._number_of(part)
        if number is not None:
            tokens = [tokens[0].copy(attrs={"start": number}), *tokens[1:]]
        return Block("markdown", source, tokens=list(tokens))

    def _list_after(self, part: _Part) -> _List | None:
        if part.mark is None:
            return None
        number = self._number_of(part)
        return _List(part.mark, None if number is None else number + part.items)

    def _number_of(self, part: _Part) -> int | None:
        """Of an item of a list of numbers; only the first one's own number counts."""
        goes_on = self._list is not None and self._list.mark == part.mark
        return self._list.next_number if goes_on and self._list and part.number is not None else part.number

    # Code

    def _in_fence(self, is_end: bool) -> Step:
        """Only looks at lines it has not seen: code is long."""
        fence, text = self._fence, self._tail
        assert fence is not None
        closed = fence.find_end(text, is_end)
        if closed is not None:
            stop, end = closed
            block = fence.block(text, stop, text[:end])
        elif is_end:
            block, end = fence.block(text, len(text), text), len(text)
        else:
            return Step([], fence.block(text, fence.shown_until(text), text))
        self._tail, self._fence, self._list = text[end:], None, None
        return Step([block], None)


@dataclass
class _Fence:
    """An open fence at the beginning of a line, and how much of the text behind it has been looked through."""

    mark: str
    language: str
    start: int
    begin: int = 0
    seen: int = 0

    @staticmethod
    def at(text: str, start: int) -> _Fence | None:
        """None: indented, or its own line has not ended yet; that is left to the parser."""
        found = _FENCE.match(text, start)
        if found is None or found.end() >= len(text):
            return None
        length = found.end() + 1 - start
        return _Fence(found[1], found[2].strip(), length, start, length)

    def find_end(self, text: str, is_end: bool) -> tuple[int, int] | None:
        """Where the code ends, and where the line of the closing fence does."""
        close = re.compile(
            rf"^ {{0,3}}{self.mark[0]}{{{len(self.mark)},}}[ \t]*(\n{'|$' if is_end else ''})", re.M
        )
        if found := close.search(text, self.seen):
            return found.start(), found.end()
        self.seen = max(text.rfind("\n") + 1, self.start)
        return None

    def shown_until(self, text: str) -> int:
        """Not as far as what may become the closing fence."""
        line = text[self.seen :]
        return self.seen if line.strip(" \t") and not line.strip(" \t" + self.mark[0]) else len(text)

    def block(self, text: str, stop: int, source: str) -> Block:
        return Block("code", source.rstrip("\n"), text[self.start : stop], self.language)


@dataclass(frozen=True)
class _Part:
    """A block on the highest level, or one item of a list there."""

    start: int
    tokens: list[Token]
    is_beginning_whole: bool
    mark: str | None = None
    number: int | None = None
    items: int = 1

    @property
    def fence(self) -> Token | None:
        return self.tokens[0] if self.tokens[0].type in ("fence", "code_block") else None

    @property
    def opens_fence(self) -> bool:
        return self.tokens[0].type == "fence"


def _parts(tokens: list[Token], text: str) -> list[_Part]:
    offsets = [0]
    for each in text.split("\n"):
        offsets.append(offsets[-1] + len(each) + 1)
    whole = text.count("\n")
    parts: list[_Part] = []
    begin = 0
    for number, token in enumerate(tokens):
        if token.level == 0 and token.nesting <= 0:
            run = tokens[begin : number + 1]
            begin = number + 1
            if run[0].type in ("bullet_list_open", "ordered_list_open"):
                parts += _items(run, text, offsets, whole)
            else:
                line = run[0].map[0] if run[0].map else 0
                parts.append(_Part(offsets[line], run, _telling_line(run[0]) < whole))
    return parts


def _telling_line(token: Token) -> int:
    """The last line that tells what kind of block it is: once that is whole, it belongs to nothing else."""
    first, end = token.map or (0, 1)
    if token.type in ("table_open", "table_source"):
        return first + 1
    return end - 1 if token.type == "math_block" else first


def _items(run: list[Token], text: str, offsets: list[int], whole: int) -> list[_Part]:
    """The items of a list, each as a list of its own; together where one begins elsewhere than at the margin."""
    opening, closing = run[0], run[-1]
    first = opening.map[0] if opening.map else 0
    number = int(opening.attrGet("start") or 1) if opening.type == "ordered_list_open" else None
    starts = [i for i, token in enumerate(run) if token.type == "list_item_open" and token.level == 1]
    lines = [(run[i].map or [first])[0] for i in starts]
    mark = opening.markup
    if any(text[offsets[line]] in " \t" for line in lines):
        return [_Part(offsets[first], run, first < whole, mark, number, len(starts))]
    stops = [*starts[1:], len(run) - 1]
    return [
        _Part(
            offsets[line],
            [opening, *run[start:stop], closing],
            line < whole,
            mark,
            None if number is None else number + place,
        )
        for place, (start, stop, line) in enumerate(zip(starts, stops, lines, strict=True))
    ]


def _first_open(parts: list[_Part], text: str) -> int:
    """The number of the first part that what follows may still change.

    It is the last one, unless its beginning is not whole: then it may yet belong to the one before. So may what looks
    like a formula whose end has not come.
    """
    last = len(parts) - 1
    unsure = not parts[last].is_beginning_whole or any(map(is_unclosed_formula, parts[last].tokens))
    return max(last - 1, 0) if unsure else last


def _too_long(text: str, start: int, stop: int) -> int | None:
    """Where a block that is too long to be formatted is cut."""
    if stop - start <= MOST_CHARACTERS:
        return None
    end = text.find("\n", start + MOST_CHARACTERS, start + MOST_WITHOUT_END)
    if end >= 0:
        return end + 1
    return start + MOST_WITHOUT_END if stop - start >= MOST_WITHOUT_END else None
