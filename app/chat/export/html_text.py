"""Texts of people and models in an HTML page. All are hostile: HTML in them is shown as text, pictures become links,
and the page's own policy forbids whatever might slip through."""

from __future__ import annotations

import functools
from html import escape

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_MOST_NESTING = 40
_MOST_BRACKETS = 500
"""In one paragraph; each may begin a link, and to look for the end of all of them takes quadratic time."""
_SEEN = "\N{REPLACEMENT CHARACTER}"
_CONTROLS = dict.fromkeys((*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0)), _SEEN)
"""What HTML does not allow. Turns of direction end with their block by themselves."""


def plain(text: str) -> str:
    """As it stands, for elements and attributes."""
    return escape(_clean(text))


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS)


def rendered(text: str) -> str:
    """Markdown as HTML."""
    return str(_parser().render(_clean(text)))


@functools.cache
def _parser() -> MarkdownIt:
    """Without HTML and pictures; it leaves out links to javascript:, vbscript:, file: and data: by itself."""
    parser = MarkdownIt("js-default", {"html": False, "maxNesting": _MOST_NESTING}).disable("image")
    parser.core.ruler.before("inline", "bracket_limit", _limit_brackets)
    return parser


def _limit_brackets(state: StateCore) -> None:
    """Paragraphs with too many become one line of code each."""
    for token in state.tokens:
        if token.type == "inline" and token.content.count("[") > _MOST_BRACKETS:
            token.type = "code_inline"
