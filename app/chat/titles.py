"""Titles of conversations: the first words of the first prompt, and later what a model calls it."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MOST_FIRST_WORDS, MOST_TITLE = 60, 50
"""Characters."""
_LEAST_SENTENCE = 20
"""Shorter ones are greetings; what follows them tells more."""
_MOST_READ = 2_000
"""Characters of a prompt or of what a model says; a title needs the beginning alone."""
_MOST_NESTING = 20
_SENTENCE_END = re.compile(r"[.?!](?=\s)|[。？！]")
_THOUGHTS = re.compile(r"<think>.*?(?:</think>|$)|^.*?</think>", re.DOTALL | re.IGNORECASE)
_LABEL = re.compile(r"^\W*title\W*:\W*", re.IGNORECASE)
_QUOTES = "\"'`«»„“”‚‘’‹›「」『』《》*_ "
_LONGEST_SPOKEN = 120
"""A line that is longer is an answer and no title."""


def first_words(prompt: str) -> str:
    """One line of plain text, ended with a sentence or a word. Code and quotes count where there is nothing else."""
    spoken, quoted, code = _blocks(prompt[:_MOST_READ])
    text = ""
    for block in spoken or quoted or code:
        text = one_line(f"{text} {block}")
        if len(text) >= _LEAST_SENTENCE:
            break
    return _shortened(text, MOST_FIRST_WORDS)


def title_of(said: str) -> str | None:
    """What a model said when asked for a title, as one; None where it said something else."""
    lines = [line for line in _THOUGHTS.sub("", said[:_MOST_READ]).splitlines() if line.strip()]
    if len(lines) > 1 and lines[0].rstrip(" *_").endswith(":"):  # "Here is a title:"
        lines = lines[1:]
    if not lines or len(lines[0]) > _LONGEST_SPOKEN:
        return None
    spoken, quoted, _ = _blocks(lines[0])
    text = _LABEL.sub("", one_line(" ".join(spoken or quoted))).strip(_QUOTES)
    text = text.removesuffix(".").strip(_QUOTES)
    if text.endswith(":") or not any(character.isalnum() for character in text):
        return None
    return _shortened(text, MOST_TITLE)


def one_line(text: str) -> str:
    """Without what breaks a line, hides or turns it; joiners inside emoji and scripts stay."""
    kept = (" " if unicodedata.category(each) in ("Cc", "Zl", "Zp") else each for each in text)
    return " ".join("".join(each for each in kept if each not in _TURNS).split())


_TURNS = frozenset("\u200b\u200e\u200f\u061c\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _shortened(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    ends = [match.end() for match in _SENTENCE_END.finditer(text[: most + 1])]
    if ends and ends[-1] >= _LEAST_SENTENCE:
        return text[: ends[-1]].removesuffix(".")
    space = text.rfind(" ", most // 2, most)
    return text[: space if space > 0 else most - 1].rstrip(" ,;:-–—(/") + "…"


def _blocks(text: str) -> tuple[list[str], list[str], list[str]]:
    """Its paragraphs without their marks: what is said, what is quoted, and lines of code."""
    spoken: list[str] = []
    quoted: list[str] = []
    code: list[str] = []
    depth = 0
    for token in _parser().parse(text):
        depth += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if token.type == "fence":
            code += [line.strip() for line in token.content.splitlines() if line.strip()][:1]
        elif token.type == "inline" and (words := _plain(token.children or ())).strip():
            (quoted if depth else spoken).append(words)
    return spoken, quoted, code


def _plain(tokens: Sequence[Token]) -> str:
    parts = (" " if each.type in ("softbreak", "hardbreak") else each.content for each in tokens)
    return "".join(parts)


@functools.cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # here: whoever lists conversations needs no parser

    # What is indented is more often pasted than code.
    options = {"html": False, "maxNesting": _MOST_NESTING}
    return MarkdownIt("commonmark", options).disable("code")
