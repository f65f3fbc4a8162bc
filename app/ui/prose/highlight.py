"""Colours for code, a few thousandths of a second at a time.

Pygments reads the code with the lexer that the fence names; it never guesses. Its patterns are other people's and may
take long on hostile text: so long lines and long texts stay without colours, and between two tokens it can be left.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from PySide6.QtGui import QTextCharFormat, QTextDocument, QTextLayout

from app.ui import theme
from app.ui.prose import hidden

if TYPE_CHECKING:  # Pygments is loaded when the first code is shown
    from pygments.lexer import Lexer

    from app.ui.prose.writer import CodeRun

MOST_CHARACTERS, LONGEST_LINE = 30_000, 1_000
SLICE_S = 0.004

_COLOURS: dict[str, str] = {
    "Comment": "muted",
    "Comment.Preproc": "part_working",
    "Keyword": "part_working",
    "Keyword.Constant": "part_context",
    "Operator.Word": "part_working",
    "Literal.String": "good",
    "Literal.Number": "warning",
    "Literal": "warning",
    "Name.Function": "part_context",
    "Name.Class": "part_context",
    "Name.Decorator": "part_working",
    "Name.Builtin": "accent",
    "Name.Tag": "part_working",
    "Name.Attribute": "part_context",
    "Generic.Deleted": "danger",
    "Generic.Inserted": "good",
    "Generic.Heading": "part_context",
    "Error": "text",
}


@lru_cache(maxsize=64)
def lexer_of(language: str) -> Lexer | None:
    """None: nobody knows that language, or it is plain text."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language.lower(), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
    return None if lexer.name == "Text only" else lexer


def name_of(language: str) -> str:
    """How people write it: `py` is Python."""
    lexer = lexer_of(language[:40]) if language else None
    return str(lexer.name) if lexer is not None else language[:40]


class Highlighter:
    """Goes through the pieces of code of a document; `work` until it says that nothing is left."""

    def __init__(self, document: QTextDocument) -> None:
        self._document = document
        self._done: dict[int, int] = {}  # piece of code -> characters that have their colours
        self._passing: _Pass | None = None

    def work(self, runs: list[CodeRun], slice_s: float = SLICE_S) -> bool:
        """Goes on for `slice_s`. Whether there is more to do."""
        until = time.perf_counter() + slice_s
        while time.perf_counter() < until:
            if self._passing is None:
                number = self._next(runs)
                if number is None:
                    return False
                self._passing = _Pass(number, runs[number])
            if not self._passing.go_on(self._document, until):
                continue
            self._done[self._passing.number] = self._passing.length
            self._passing = None
        return True

    def forget_from(self, number: int) -> None:
        """The pieces of code from that number on have been written anew."""
        for each in [each for each in self._done if each >= number]:
            del self._done[each]
        if self._passing is not None and self._passing.number >= number:
            self._passing = None

    def _next(self, runs: list[CodeRun]) -> int | None:
        for number in range(len(runs) - 1, -1, -1):
            run, done = runs[number], self._done.get(number, -1)
            # While code comes, each pass takes all of it: so the next one waits until there is a good deal more.
            if done < 0 or (done < len(run.text) and (not run.is_open or len(run.text) > done * 1.15 + 40)):
                if lexer_of(run.language[:40]) is not None and _is_fit(run.text):
                    return number
                self._done[number] = len(run.text)
        return None


class _Pass:
    """One way through one piece of code."""

    def __init__(self, number: int, run: CodeRun) -> None:
        self.number = number
        self.length = len(run.text)
        shown = "".join(
            hidden.code_of(piece) if is_hidden else piece
            for piece, is_hidden in hidden.pieces(run.text, in_code=True)
        )
        self._lines = shown.split("\n")
        self._first = run.first
        self._tokens = _coloured(shown, run.language)
        self._line = self._column = 0
        self._formats: list[QTextLayout.FormatRange] = []

    def go_on(self, document: QTextDocument, until: float) -> bool:
        """Whether it has come to its end."""
        for text, colour in self._tokens:
            for number, part in enumerate(text.split("\n")):
                if number:
                    self._finish_line(document)
                if part and colour:
                    self._formats.append(_range(self._column, _utf16(part), colour))
                self._column += _utf16(part)
            if time.perf_counter() > until:
                return False
        self._finish_line(document)
        return True

    def _finish_line(self, document: QTextDocument) -> None:
        block = document.findBlockByNumber(self._first + self._line)
        is_same = (
            self._line < len(self._lines) and block.isValid() and block.text() == self._lines[self._line]
        )
        if is_same and block.layout().formats() != self._formats:
            block.layout().setFormats(self._formats)
            document.markContentsDirty(block.position(), block.length())
        self._line, self._column, self._formats = self._line + 1, 0, []


def _coloured(text: str, language: str) -> Iterator[tuple[str, str]]:
    lexer = lexer_of(language[:40])
    assert lexer is not None
    for _, kind, value in lexer.get_tokens_unprocessed(text):
        yield value, _colour_of(str(kind).removeprefix("Token."))


@lru_cache(maxsize=256)
def _colour_of(kind: str) -> str:
    """Of a kind of token, or of the nearest one that it is a kind of."""
    while kind and kind not in _COLOURS:
        kind = kind.rpartition(".")[0]
    return _COLOURS.get(kind, "")


def _range(start: int, length: int, colour: str) -> QTextLayout.FormatRange:
    made = QTextLayout.FormatRange()
    made.start, made.length = start, length
    form = QTextCharFormat()
    form.setForeground(theme.current().colour(colour))
    made.format = form
    return made


def _is_fit(text: str) -> bool:
    return len(text) <= MOST_CHARACTERS and all(len(line) <= LONGEST_LINE for line in text.split("\n"))


def _utf16(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
