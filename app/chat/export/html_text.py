"""Texts of people and models in an HTML page. All are hostile: HTML in them is shown as text, pictures become links,
and the page's own policy forbids whatever might slip through."""

from __future__ import annotations

import functools
from html import escape

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_MOST_NESTING = 40
_MOST_BRACKETS = 500
"""In one paragraph; each may begin a link, and to look for the end of all of them takes quadratic time."""
_SEEN = "\N{REPLACEMENT CHARACTER}"
_CONTROLS = dict.fromkeys((*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0)), _SEEN)
"""What HTML does not allow. Turns of direction end with their block by themselves."""


_COLOURS = """
:root { color-scheme: light dark; --text: #1d1d1f; --soft: #5f6368; --line: #dadce0; --back: #fff; --fill: #f4f5f7; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8eaed; --soft: #a5abb3; --line: #3c4043; --back: #18191b; --fill: #242629; }
}
@media print {
  :root { color-scheme: light; --text: #000; --soft: #444; --line: #bbb; --back: #fff; --fill: #f4f4f4; }
}
"""


def page_begin(title: str, style: str) -> str:
    """Until the body's first element. `title` is plain text; `style` CSS of the page's own, over `--text`, `--soft`,
    `--line`, `--back` and `--fill`."""
    return f"""<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{plain(title)}</title>
<style>{_COLOURS}{style}</style>
</head>
<body>
"""


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
