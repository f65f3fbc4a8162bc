"""A model card made readable: Markdown of a stranger, without the HTML that authors put into it.

What HTML there is becomes Markdown where that is easy (headings, links), or goes; what is in code stays. Lines that
only the author's editor has ended go on. Nothing here makes it safe: that is `ui/prose`'s work, which shows
whatever HTML is left as text and fetches nothing.
"""

from __future__ import annotations

import re
from itertools import pairwise

MOST_CHARACTERS = 100_000
"""Nobody reads more of a card."""

_LONGEST_TAG = 500
_FENCE = re.compile(r"^[ \t]{0,3}(```|~~~)", re.MULTILINE)
_LEFT_OUT = (
    (re.compile(r"<!--"), re.compile(r"-->")),
    (re.compile(r"<style\b", re.IGNORECASE), re.compile(r"</style\s*>", re.IGNORECASE)),
    (re.compile(r"<script\b", re.IGNORECASE), re.compile(r"</script\s*>", re.IGNORECASE)),
)
_INDENTED_TAG = re.compile(r"^[ \t]+(?=</?[a-zA-Z])", re.MULTILINE)
_WITHIN_WORDS = re.compile(
    rf"</?(?:b|strong|i|em|u|span|font|small|big|center)(?:\s[^<>]{{0,{_LONGEST_TAG}}})?>", re.IGNORECASE
)
_LINK = re.compile(
    rf"""<a\s[^<>]{{0,{_LONGEST_TAG}}}?href=["'](https?://[^"'\s<>()]{{1,{_LONGEST_TAG}}})["'][^<>]{{0,{_LONGEST_TAG}}}>"""
    rf"""[ \t]*([^<>\[\]\n]{{1,200}}?)[ \t]*</a>""",
    re.IGNORECASE,
)
_HEADING = re.compile(rf"<h([1-6])\b[^<>]{{0,{_LONGEST_TAG}}}>[ \t]*", re.IGNORECASE)
_BREAK = re.compile(r"<br\s{0,9}/?>|</(?:tr|li)\s{0,9}>", re.IGNORECASE)
_END = re.compile(r"</(?:p|div|h[1-6]|summary|table|ul|ol)\s{0,9}>", re.IGNORECASE)
_TAG = re.compile(rf"</?[a-zA-Z][a-zA-Z0-9-]*(?:\s[^<>]{{0,{_LONGEST_TAG}}})?/?>")
_CODE = re.compile(r"(`[^`\n]{1,1000}`)")
_STANDS_ALONE = re.compile(r" {0,3}(?:#|\[[^\]]{0,200}\]:)|\t| {4}|[^|]*\||\W*$")
"""A line that does not go on in the next: a heading, code, a row of a table, a ruler, nothing."""
_BEGINS = re.compile(r"\s*(?:[-+*>=]|\d{1,9}[.)])")
"""A line with which something new begins: an item, a quote, or what makes a heading of the line before."""
_BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")


def readable(card: str) -> str:
    """Cut where it would take long to lay out."""
    pieces = _pieces(card[:MOST_CHARACTERS])
    text = "".join(piece if is_code else _unwrapped(_without_html(piece)) for piece, is_code in pieces)
    return _BLANK_LINES.sub("\n\n", text).strip()[: MOST_CHARACTERS - 1]


def _pieces(text: str) -> list[tuple[str, bool]]:
    """Between fences or not, in order."""
    pieces, start, fence = [], 0, ""
    for found in _FENCE.finditer(text):
        if not fence:
            pieces.append((text[start : found.start()], False))
            start, fence = found.start(), found[1]
        elif found[1] == fence:
            pieces.append((text[start : found.end()], True))
            start, fence = found.end(), ""
    pieces.append((text[start:], bool(fence)))
    return pieces


def _without_html(text: str) -> str:
    for opening, closing in _LEFT_OUT:
        text = _without(text, opening, closing)
    parts = _CODE.split(text)
    parts[::2] = map(_without_tags, parts[::2])
    return "".join(parts)


def _without_tags(text: str) -> str:
    text = _INDENTED_TAG.sub("", text)  # what is indented would be code once its tags are gone
    text = _WITHIN_WORDS.sub("", text)
    text = _LINK.sub(lambda found: f"[{found[2]}]({found[1]})", text)
    text = _HEADING.sub(lambda found: f"\n{'#' * int(found[1])} ", text)
    text = _BREAK.sub("  \n", text)
    text = _END.sub("\n\n", text)
    return _TAG.sub("", text)


def _unwrapped(text: str) -> str:
    """With one line for each paragraph: where a line ends counts in answers, which share the way of showing them."""
    lines = text.split("\n")
    joined = lines[:1]
    for before, line in pairwise(lines):
        is_meant = before.endswith(("  ", "\\")) or _STANDS_ALONE.match(before) is not None
        if is_meant or _STANDS_ALONE.match(line) or _BEGINS.match(line):
            joined.append(line)
        else:
            joined.append(f"{joined.pop()} {line.lstrip()}")
    return "\n".join(joined)


def _without(text: str, opening: re.Pattern[str], closing: re.Pattern[str]) -> str:
    """Step by step and not by one pattern, which would take hours for a text full of openings."""
    kept, at = [], 0
    while begin := opening.search(text, at):
        end = closing.search(text, begin.end())
        if end is None:
            break
        kept.append(text[at : begin.start()])
        at = end.end()
    return "".join(kept) + text[at:]
