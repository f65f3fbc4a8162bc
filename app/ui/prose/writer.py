"""Writes blocks to the end of a document, and takes the last one, still open, away again.

No frames but tables: code and quotes are paragraphs with a mark, behind which the widget paints. So selecting and
copying go across all of them, and the end of the document can be exchanged without anything before it being laid out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from markdown_it.token import Token
from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextListFormat,
    QTextTable,
)

from app.ui import theme
from app.ui.prose import hidden, looks, words
from app.ui.prose.blocks import Block

BELOW_CODE_PX = 2 * looks.GAP_PX
"""Half of it belongs to the ground of the code."""
LONG_LINE, LONGEST_LINE = 1_500, 2_000
"""Plain lines get an end after so many letters: at the next space, or anywhere. Qt lays out a line as one."""

_ADDRESS = re.compile(r"https?://[^\s<>\"'`]+[^\s<>\"'`.,;:!?)\]}]")

Formula = Callable[[QTextCursor, Token, QTextCharFormat], None]


@dataclass(frozen=True)
class _Place:
    """Where a paragraph stands: the lists and quotes around it."""

    depth: int = 0
    quotes: int = 0


@dataclass
class CodeRun:
    """One piece of code: its text as the model wrote it, and which paragraphs, by number, are its lines."""

    language: str
    text: str
    first: int
    last: int
    written: int = 0
    is_open: bool = False


class Writer:
    """`code_runs` are the pieces of code by number. `formula` writes a formula; else its source is written."""

    def __init__(self, document: QTextDocument, formula: Formula | None = None) -> None:
        self._document = document
        self._cursor = QTextCursor(document)
        self._formula = formula or words.formula_as_text
        self.code_runs: list[CodeRun] = []
        self._form_of_code, self._code_characters = QTextBlockFormat(), QTextCharFormat()
        self._is_free = True  # the last paragraph is empty and nobody's
        self._after_item = False
        self._is_first = True
        self._mark: _Mark | None = None
        self._open: Block | None = None

    def write(self, finished: list[Block], still_open: Block | None) -> None:
        """Puts `finished` and `still_open` in the place of the block that was open."""
        self._cursor.beginEditBlock()
        if not (not finished and self._continue_code(still_open)):
            if finished and self._continue_code(finished[0]):
                self.code_runs[-1].is_open = False
                self._mark = None
                finished = finished[1:]
            self._rub_out()
            for block in finished:
                self._write(block)
            if still_open is not None:
                self._make_free()
                self._mark = _Mark(self._end(), self._after_item, self._is_first, len(self.code_runs))
                self._write(still_open)
                if still_open.kind == "code":
                    self.code_runs[-1].is_open = True
            elif self._is_free and not self._is_first:
                self._cursor.movePosition(QTextCursor.MoveOperation.End)
                self._cursor.deletePreviousChar()
                self._is_free = False
        self._open = still_open
        self._cursor.endEditBlock()

    def _continue_code(self, block: Block | None) -> bool:
        """Code that was open and has grown: only what is new is written."""
        before = self._open
        if before is None or block is None or before.kind != "code" or block.kind != "code":
            return False
        if self._mark is None or before.language != block.language or not block.text.startswith(before.text):
            return False
        self._write_code_text(block.text)
        return True

    def _rub_out(self) -> None:
        mark, self._mark = self._mark, None
        if mark is None:
            return
        cursor = self._cursor
        cursor.setPosition(mark.place.position())
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        cursor.setBlockFormat(QTextBlockFormat())
        self._is_free, self._after_item, self._is_first = True, mark.after_item, mark.is_first
        del self.code_runs[mark.code_runs :]

    def _make_free(self) -> None:
        """An empty paragraph at the end, so that nothing before it changes when what comes is taken away again."""
        if not self._is_free:
            self._cursor.movePosition(QTextCursor.MoveOperation.End)
            self._cursor.insertBlock(QTextBlockFormat(), QTextCharFormat())
            self._is_free = True

    def _end(self) -> QTextCursor:
        """The end as it is now, wherever that goes when something before it changes."""
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        end = QTextCursor(self._cursor)
        end.setKeepPositionOnInsert(True)
        return end

    # Blocks

    def _write(self, block: Block) -> None:
        if block.kind == "plain":
            self._write_plain(block.text)
            self._after_item = False
        elif block.kind == "code":
            self._begin_code(block.language, _Place())
            self._write_code_text(block.text)
            self._after_item = False
        else:
            self._write_tokens(block)

    def _write_plain(self, text: str) -> None:
        form = looks.airy(QTextBlockFormat())
        characters = looks.code_characters() if text.lstrip().startswith("|") else QTextCharFormat()
        for number, line in enumerate(cut_lines(text.rstrip("\n"))):
            form.setTopMargin(self._gap() if number == 0 else 0)
            self._paragraph(form, characters)
            self._insert(line, characters, in_code=False)

    def _write_tokens(self, block: Block) -> None:
        place = _Place()
        stack: list[_Place] = []
        lists: list[QTextListFormat] = []
        item: QTextListFormat | None = None
        tokens = iter(block.tokens)
        for token in tokens:
            kind = token.type
            if kind in ("bullet_list_open", "ordered_list_open"):
                lists.append(words.list_format(token, len(lists) + 1))
                stack.append(place)
                place = replace(place, depth=place.depth + 1)
            elif kind in ("bullet_list_close", "ordered_list_close"):
                lists.pop()
                place = stack.pop()
                self._after_item = True
            elif kind == "list_item_open":
                item = QTextListFormat(lists[-1])
            elif kind == "list_item_close":
                if item is not None:  # nothing in it
                    self._words(_EMPTY, place, item)
                item = None
                words.next_number(lists[-1])
                self._after_item = True
            elif kind == "blockquote_open":
                stack.append(place)
                place = replace(place, quotes=place.quotes + 1)
            elif kind == "blockquote_close":
                place = stack.pop()
                self._after_item = False
            elif kind == "table_open":
                self._table(tokens, place)
            elif kind == "table_source":
                self._write_plain(token.content)
                item = None
            elif kind == "inline":
                self._words(token, place, item)
                item = None
            elif kind == "heading_open":
                self._words(next(tokens), place, item, level=int(token.tag[1:]))
                item = None
            elif kind in ("fence", "code_block"):
                self._begin_code(token.info.strip(), place)
                self._write_code_text(token.content)
                item = None
            elif kind == "math_block":
                self._display(token, place)
                item = None
            elif kind == "hr":
                form = looks.ruler()
                form.setTopMargin(self._gap())
                self._paragraph(form, QTextCharFormat())
            if kind in (
                "paragraph_close",
                "heading_close",
                "fence",
                "table_open",
                "table_source",
                "math_block",
                "hr",
            ):
                self._after_item = False

    def _words(self, token: Token, place: _Place, item: QTextListFormat | None, *, level: int = 0) -> None:
        form = looks.airy(self._form(place))
        form.setTopMargin(self._gap(place))
        characters = QTextCharFormat()
        if level:
            form.setHeadingLevel(level)
            form.setTopMargin(0 if self._is_first else looks.GAP_PX * 1.5)
            looks.heading_characters(characters, level)
        if place.quotes:
            characters.setForeground(theme.current().colour("muted"))
        children = list(token.children or [])
        if item is not None:
            children, ticked = words.task(children)
            if ticked is not None:
                form.setMarker(ticked)
            form.setIndent(0)
        self._paragraph(form, characters)
        if item is not None:
            self._cursor.createList(item)
        self._inline(children, characters)

    def _display(self, token: Token, place: _Place) -> None:
        form = self._form(place)
        form.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        form.setTopMargin(self._gap(place))
        self._paragraph(form, QTextCharFormat())
        self._formula(self._cursor, token, QTextCharFormat())

    def _form(self, place: _Place) -> QTextBlockFormat:
        form = QTextBlockFormat()
        if place.depth:
            form.setIndent(place.depth)
        if place.quotes:
            form.setLeftMargin(place.quotes * looks.INDENT_PX * 0.75)
            form.setProperty(looks.QUOTE, place.quotes)
        return form

    def _gap(self, place: _Place | None = None) -> float:
        if self._is_first:
            return 0
        in_list = place is not None and place.depth > 0
        return (
            looks.GAP_PX / 3
            if self._after_item and in_list
            else looks.GAP_PX
            if not in_list
            else looks.GAP_PX / 2
        )

    def _paragraph(self, form: QTextBlockFormat, characters: QTextCharFormat) -> None:
        """Begins a paragraph at the end of the document."""
        cursor = self._cursor
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if self._is_free:
            cursor.setBlockFormat(form)
            cursor.setBlockCharFormat(characters)
            cursor.setCharFormat(characters)
        else:
            cursor.insertBlock(form, characters)
        self._is_free = self._is_first = False

    # Code

    def _begin_code(self, language: str, place: _Place) -> None:
        self._form_of_code = self._form(place)
        form = self._form_of_code
        looks.airy(form, looks.CODE_LINE_PERCENT)
        form.setProperty(looks.CODE_RUN, len(self.code_runs))
        form.setLeftMargin(form.leftMargin() + looks.GAP_PX)
        form.setRightMargin(looks.GAP_PX)
        first = QTextBlockFormat(form)
        first.setTopMargin(self._gap(place) + looks.CODE_HEAD_PX)
        first.setBottomMargin(BELOW_CODE_PX)
        self._code_characters = looks.code_characters()
        self._paragraph(first, self._code_characters)
        number = self._cursor.blockNumber()
        self.code_runs.append(CodeRun(language.split()[0] if language else "", "", number, number))

    def _write_code_text(self, text: str) -> None:
        """The text of the last piece of code is `text`, which goes on from what is written of it."""
        run, cursor = self.code_runs[-1], self._cursor
        run.text = text
        until = len(text) - (1 if text.endswith("\n") else 0)  # the last line's end opens no other line yet
        new = text[run.written : until]
        if not new:
            return
        run.written = until
        cursor.movePosition(QTextCursor.MoveOperation.End)
        for number, line in enumerate(new.split("\n")):
            for place, piece in enumerate(cut_lines(line)):
                if number or place:
                    flat = cursor.blockFormat()
                    flat.setBottomMargin(0)
                    cursor.setBlockFormat(flat)
                    form = QTextBlockFormat(self._form_of_code)
                    form.setBottomMargin(BELOW_CODE_PX)
                    cursor.insertBlock(form, self._code_characters)
                self._insert(piece, self._code_characters, in_code=True)
        run.last = cursor.blockNumber()

    # Tables

    def _table(self, tokens: Iterator[Token], place: _Place) -> None:
        rows: list[list[Token]] = []
        for token in tokens:
            if token.type == "table_close":
                break
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "inline":
                rows[-1].append(token)
            elif token.type in ("th_open", "td_open"):
                style = str(token.attrs.get("style", ""))
                following = next(tokens)
                following.meta["style"], following.meta["head"] = style, token.type == "th_open"
                rows[-1].append(following)
        cursor, columns = self._cursor, len(rows[0])
        cursor.movePosition(QTextCursor.MoveOperation.End)
        self._make_free()
        cursor.setBlockFormat(looks.flat_paragraph())
        left = place.depth * looks.INDENT_PX
        table = cursor.insertTable(len(rows), columns, looks.table_format(columns, left, self._gap(place)))
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                self._cell(table, number, column, cell)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        # Stays: Qt gives the paragraph after a table no room above, whatever it asks for.
        cursor.setBlockFormat(looks.flat_paragraph())
        self._is_free = self._is_first = False

    def _cell(self, table: QTextTable, row: int, column: int, token: Token) -> None:
        cursor = table.cellAt(row, column).firstCursorPosition()
        form, characters = QTextBlockFormat(), QTextCharFormat()
        form.setAlignment(looks.ALIGNMENTS.get(token.meta.get("style", ""), Qt.AlignmentFlag.AlignLeft))
        if token.meta.get("head"):
            characters.setFontWeight(600)
        cursor.setBlockFormat(form)
        outer, self._cursor = self._cursor, cursor
        self._inline(token.children or [], characters)
        self._cursor = outer

    # Words

    def _inline(self, children: list[Token], base: QTextCharFormat) -> None:
        formats = [base]
        link = ""
        for token in children:
            kind, form = token.type, formats[-1]
            if kind == "text":
                self._text(token.content, form, find_addresses=not link)
            elif kind in ("softbreak", "hardbreak"):
                self._cursor.insertText(words.LINE_SEPARATOR, form)
            elif kind == "code_inline":
                self._insert(token.content, words.chip(form), in_code=True)
            elif kind == "math_inline":
                self._formula(self._cursor, token, form)
            elif kind == "image":
                muted = QTextCharFormat(form)
                muted.setForeground(theme.current().colour("muted"))
                self._insert(f"[{_words_of(token)}]", muted, in_code=False)
            elif kind == "link_open":
                link = str(token.attrs.get("href", ""))
                formats.append(words.link(form, link))
            elif kind == "link_close":
                link = ""
                formats.pop()
            elif kind.endswith("_open"):
                formats.append(words.emphasis(form, kind))
            elif kind.endswith("_close"):
                formats.pop()
            elif token.content:
                self._insert(token.content, form, in_code=False)

    def _text(self, text: str, form: QTextCharFormat, *, find_addresses: bool) -> None:
        end = 0
        if find_addresses and "://" in text:
            for found in _ADDRESS.finditer(text):
                self._insert(text[end : found.start()], form, in_code=False)
                self._insert(found[0], words.link(form, found[0]), in_code=False)
                end = found.end()
        self._insert(text[end:], form, in_code=False)

    def _insert(self, text: str, form: QTextCharFormat, *, in_code: bool) -> None:
        for piece, is_hidden in hidden.pieces(text, in_code=in_code):
            if is_hidden:
                self._cursor.insertText(hidden.code_of(piece), looks.hidden_characters(form, piece))
            else:
                self._cursor.insertText(piece, form)


@dataclass(frozen=True)
class _Mark:
    """How things stood before the open block was written."""

    place: QTextCursor
    after_item: bool
    is_first: bool
    code_runs: int


_EMPTY = Token("inline", "", 0, children=[])


def cut_lines(text: str) -> Iterator[str]:
    """The lines of `text`; those without an end in several."""
    for line in text.split("\n"):
        start = 0
        while len(line) - start > LONGEST_LINE:
            space = line.rfind(" ", start + LONG_LINE, start + LONGEST_LINE)
            stop = space + 1 if space >= 0 else start + LONGEST_LINE
            yield line[start:stop]
            start = stop
        yield line[start:]


def _words_of(token: Token) -> str:
    return "".join(child.content for child in token.children or [])
