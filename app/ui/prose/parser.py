"""Markdown to markdown-it's tokens: CommonMark with GitHub's tables, and mathematics between TeX's marks.

Pure Python, no Qt. HTML is never read as such, so that it stays text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.parser_inline import RuleFuncInlineType
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock, table
from markdown_it.rules_inline import StateInline, image, link
from markdown_it.token import Token

DEEPEST = 20
"""Levels of tokens. What is deeper would be dropped by the parser; see `is_too_deep`."""
LONGEST_FORMULA = 2_000
MOST_BRACKETS = 200
"""In one paragraph with links: what looks for their ends takes time that grows with the square of these."""

MOST_FORMULAS = 200
"""In one paragraph; where there are more marks than these need, they stay text. Each is a picture to lay out."""
MOST_CELLS, MOST_COLUMNS = 600, 24
"""Of a table. What is larger is a `table_source`, whose `content` are its lines: reading its cells, and laying them
out, takes time that grows with its columns and rows."""

_BLOCK_MARKS = {"$$": "$$", "\\[": "\\]"}
_INLINE_MARKS = {"$$": ("$$", True), "\\(": ("\\)", False), "\\[": ("\\]", True)}
_AMOUNT = re.compile(r"\d[\d.,]*(?:[ \u00a0]+\(?[^\W\d_]{2,}|[ \u00a0]?[-–—/]?$)")
"""What stands between the signs of `$5 and so many US$`: money, not mathematics."""


def parse(text: str, env: dict[str, Any]) -> list[Token]:
    """Tokens of `text`. `env`: `references` known before and found, as markdown-it keeps them; `open`: more follows."""
    return _PARSER.parse(text, env)


def is_too_deep(tokens: Iterable[Token]) -> bool:
    """Whether the parser gave up on what was nested deeper."""
    return any(token.level >= DEEPEST - 1 for token in tokens)


def is_unclosed_formula(token: Token) -> bool:
    """Whether it is a formula whose end has not come yet."""
    return token.type == "math_block" and bool(token.meta.get("unclosed"))


def _math_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A displayed formula, on lines of its own. As in TeX no empty line lies inside."""
    if state.is_code_block(start):
        return False
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    close = _BLOCK_MARKS.get(first[:2])
    if close is None:
        return False
    parts, line, text = [], start, first[2:]
    while close not in text:
        parts.append(text)
        line += 1
        if line >= end:
            break
        if state.isEmpty(line) or state.sCount[line] < state.blkIndent:
            return False
        text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
    unclosed = line >= end
    if unclosed:
        if not state.env.get("open") or state.level > 0:
            return False
    else:
        last, _, after = text.partition(close)
        if after.strip(" \t.,;:"):
            return False
        parts.append(last)
    if silent:
        return True
    token = state.push("math_block", "math", 0)
    token.block = True
    token.content = "\n".join(parts).strip()
    token.markup = first[:2]
    token.meta = {"unclosed": unclosed}
    state.line = min(line + 1, end)
    token.map = [start, state.line]
    return True


def _math_inline(state: StateInline, silent: bool) -> bool:
    source, start = state.src, state.pos
    opening = source[start : start + 2]
    if (opening[:1] == "$" or opening in _INLINE_MARKS) and _has_many_formulas(source):
        return False
    if opening in _INLINE_MARKS:
        close, displayed = _INLINE_MARKS[opening]
        end = source.find(close, start + 2, start + LONGEST_FORMULA)
        if end < 0 or not source[start + 2 : end].strip():
            return False
        content, stop = source[start + 2 : end], end + 2
    elif opening[:1] == "$":
        end = source.find("$", start + 1, start + LONGEST_FORMULA)
        while end > 0 and source[end - 1] == "\\":
            end = source.find("$", end + 1, start + LONGEST_FORMULA)
        if end < 0 or not _is_formula(source, start, end):
            return False
        content, displayed, stop = source[start + 1 : end], False, end + 1
    else:
        return False
    if not silent:
        token = state.push("math_inline", "math", 0)
        token.content = content.strip()
        token.markup = source[start:stop]
        token.meta = {"displayed": displayed}
    state.pos = stop
    return True


def _is_formula(source: str, start: int, end: int) -> bool:
    """Whether what lies between two dollar signs is mathematics (as Pandoc decides) and not an amount of money."""
    content = source[start + 1 : end]
    if not content or content[0].isspace() or content[-1].isspace():
        return False
    if start and (source[start - 1].isalnum() or source[start - 1] in "\\$"):
        return False
    if source[end + 1 : end + 2].isalnum():
        return False
    return _AMOUNT.match(content) is None


def _bounded_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    is_table = table(state, start, end, True)
    if silent or not is_table:
        return is_table
    stop, interrupts = start + 2, state.md.block.ruler.getRules("blockquote")
    while stop < end and state.sCount[stop] >= state.blkIndent and not state.isEmpty(stop):
        if state.is_code_block(stop) or any(rule(state, stop, end, True) for rule in interrupts):
            break
        stop += 1
    columns = state.getLines(start + 1, start + 2, state.blkIndent, False).strip().strip("|").count("|") + 1
    if columns <= MOST_COLUMNS and columns * (stop - start - 1) <= MOST_CELLS:
        return table(state, start, end, False)
    token = state.push("table_source", "", 0)
    token.block = True
    token.content = state.getLines(start, stop, state.blkIndent, False)
    token.map = [start, stop]
    state.line = stop
    return True


def _bounded(rule: RuleFuncInlineType) -> RuleFuncInlineType:
    """`rule` where there are not too many brackets to look at; there they stay text."""
    return lambda state, silent: not _has_many_brackets(state.src) and rule(state, silent)


@lru_cache(maxsize=1)  # asked at each letter of one paragraph
def _has_many_brackets(paragraph: str) -> bool:
    return paragraph.count("[") > MOST_BRACKETS


@lru_cache(maxsize=1)
def _has_many_formulas(paragraph: str) -> bool:
    opening = paragraph.count("\\(") + paragraph.count("\\[")
    return opening + paragraph.count("$") / 2 > MOST_FORMULAS


def _make() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST})
    parser.enable(["table", "strikethrough"])
    # Whatever it leads to: who clicks on it is asked, and most of what is no web page cannot be opened at all.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    interrupts: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.before("fence", "math_block", _math_block, interrupts)
    parser.block.ruler.at("table", _bounded_table, {"alt": ["paragraph", "reference"]})
    parser.inline.ruler.at("link", _bounded(link))
    parser.inline.ruler.at("image", _bounded(image))
    parser.inline.ruler.before("escape", "math_inline", _math_inline)
    return parser


_PARSER = _make()
