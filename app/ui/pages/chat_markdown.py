"""Markdown into a document in our measures and colours, harmless whatever it says.

What a model writes is written by nobody who is to be trusted: HTML in it is shown as text, nothing is ever
fetched or opened for it, and what would take Qt long to lay out is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import (
    QFont,
    QFontDatabase,
    QImage,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextTable,
    QTextTableFormat,
)

from app.ui import theme

DIALECT = QTextDocument.MarkdownFeature.MarkdownNoHTML | QTextDocument.MarkdownFeature.MarkdownDialectGitHub
LINE_PERCENT = 140.0
CODE_LINE_PERCENT = 125.0
GAP_PX = 12.0
INDENT_PX = 26.0

# Measured: Qt needs time that grows with the square of these, about a third of a second at each limit.
MOST_CHARACTERS = 100_000
MOST_LIST_ITEMS = 3_000
MOST_CELLS = 1_000
LONGEST_WORD = 10_000
_LIST_ITEM = re.compile(r"^[ \t>]*(?:[-+*]|\d{1,9}[.)])[ \t]", re.MULTILINE)
_LONG_WORD = re.compile(rf"\S{{{LONGEST_WORD}}}")

_BREAK = "\ue000"
"""Marks the end of a line on its way through the parser; of no meaning to anybody else."""
_MARK = re.compile(f" ?{_BREAK} ?")
_LINE_SEPARATOR = "\u2028"
_NO_BREAK_AFTER = re.compile(r"[ >]*(```|~~~|\||\[[^\]]*\]:)|[^\w]*$")


def is_tame(text: str) -> bool:
    """Whether `text` can be laid out as Markdown without anyone waiting for it."""
    return (
        len(text) <= MOST_CHARACTERS
        and text.count("|") <= MOST_CELLS
        and sum(1 for _ in _LIST_ITEM.finditer(text)) <= MOST_LIST_ITEMS
        and _LONG_WORD.search(text) is None
    )


class SealedDocument(QTextDocument):
    """Reads nothing from disk or network, whatever its text points at."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setUndoRedoEnabled(False)
        self.setDocumentMargin(0)
        self.setIndentWidth(INDENT_PX)
        self.setDefaultFont(theme.font("prose"))

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        # A dot and not nothing: given nothing, Qt takes an image's name for a path and opens the file itself.
        dot = QImage(1, 1, QImage.Format.Format_ARGB32)
        dot.fill(0)
        return dot


def airy(form: QTextBlockFormat, percent: float = LINE_PERCENT) -> QTextBlockFormat:
    """`form` with room between the lines."""
    form.setLineHeight(percent, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
    return form


def markdown_document(text: str, parent: QObject) -> SealedDocument:
    """A document of `text`, which is tame. Its colours are those of the theme in use."""
    document = SealedDocument(parent)
    document.setMarkdown(_mark_breaks(text), DIALECT)
    cursor = QTextCursor(document)
    cursor.beginEditBlock()
    code: list[tuple[int, int]] = []
    for block in _blocks(document):
        _make_breaks(cursor, block)
        if _is_code(block):
            _dress_code(cursor, block)
            _add_run(code, block)
        else:
            _dress_words(cursor, block)
    cursor.endEditBlock()
    for frame in document.rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            frame.setFormat(_table_format(frame.format().toTableFormat()))
    for start, end in reversed(code):
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        frame = cursor.insertFrame(_code_frame())
        # The frame's first line is a new one and lost what was set.
        first = frame.firstCursorPosition()
        first.setBlockFormat(airy(QTextBlockFormat(), CODE_LINE_PERCENT))
    _close_gaps(cursor, document)
    return document


def _mark_breaks(text: str) -> str:
    """Marks where a line ends inside a paragraph.

    Models end lines where they mean it, in verses for instance, while Markdown takes that for a space. Its own
    ways to say so do not help: Qt begins a paragraph for them, and in a list a new item.
    """
    lines = text.replace(_BREAK, "\ufffd").split("\n")
    for number, (line, following) in enumerate(pairwise(lines)):
        if following.strip() and not _NO_BREAK_AFTER.match(line):
            lines[number] = line.rstrip().removesuffix("\\") + f" {_BREAK}"
    return "\n".join(lines)


def _make_breaks(cursor: QTextCursor, block: QTextBlock) -> None:
    """Makes line breaks of the marks; those at the end of a paragraph or in code were none."""
    text = block.text()
    for found in reversed(list(_MARK.finditer(text))):
        cursor.setPosition(block.position() + found.start())
        cursor.setPosition(block.position() + found.end(), QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(_LINE_SEPARATOR if found.end() < len(text) else "")


def _blocks(document: QTextDocument) -> Iterator[QTextBlock]:
    block = document.begin()
    while block.isValid():
        yield block
        block = block.next()


def _is_code(block: QTextBlock) -> bool:
    form = block.blockFormat()
    return any(
        form.hasProperty(mark.value)
        for mark in (QTextFormat.Property.BlockCodeFence, QTextFormat.Property.BlockCodeLanguage)
    )


def _add_run(runs: list[tuple[int, int]], block: QTextBlock) -> None:
    """Adds the block to the run of code it continues, or starts one."""
    start, end = block.position(), block.position() + block.length() - 1
    if runs and runs[-1][1] == start - 1 and QTextCursor(block).currentTable() is None:
        start = runs.pop()[0]
    runs.append((start, end))


def _dress_words(cursor: QTextCursor, block: QTextBlock) -> None:
    in_table = QTextCursor(block).currentTable() is not None
    form = airy(block.blockFormat(), 100.0 if in_table else LINE_PERCENT)
    level = form.headingLevel()
    list_goes_on = block.textList() is not None and block.next().textList() is not None
    if level:
        form.setTopMargin(GAP_PX if block.position() else 0)
        form.setBottomMargin(GAP_PX / 2)
    else:
        form.setTopMargin(0)
        form.setBottomMargin(0 if in_table else GAP_PX / 3 if list_goes_on else GAP_PX)
    if form.hasProperty(QTextFormat.Property.BlockQuoteLevel.value):
        form.setLeftMargin(INDENT_PX)
    cursor.setPosition(block.position())
    cursor.setBlockFormat(form)
    is_quote = form.hasProperty(QTextFormat.Property.BlockQuoteLevel.value)
    for start, length, kind in reversed(_spans(block)):
        cursor.setPosition(block.position() + start)
        cursor.setPosition(block.position() + start + length, QTextCursor.MoveMode.KeepAnchor)
        _dress_span(cursor, kind, level, is_quote)


def _spans(block: QTextBlock) -> list[tuple[int, int, QTextCharFormat]]:
    return [(span.start, span.length, QTextCharFormat(span.format)) for span in block.textFormats()]


def _dress_span(cursor: QTextCursor, kind: QTextCharFormat, heading_level: int, is_quote: bool) -> None:
    colours = theme.current()
    if kind.isImageFormat():
        words = str(kind.property(QTextFormat.Property.ImageAltText.value) or "")
        plain = QTextCharFormat()
        plain.setForeground(colours.colour("muted"))
        cursor.insertText(f"[{words}]", plain)
        return
    change = QTextCharFormat()
    if kind.isAnchor():
        change.setForeground(colours.colour("accent"))
    elif kind.fontFixedPitch():
        change.setFontFamilies(_mono_families())
        change.setBackground(colours.colour("chip"))
    elif heading_level:
        size = colours.sizes["title" if heading_level == 1 else "heading"] + (1 if heading_level == 2 else 0)
        change.setProperty(QTextFormat.Property.FontPixelSize.value, size)
        change.setProperty(QTextFormat.Property.FontSizeAdjustment.value, 0)
        change.setFontWeight(QFont.Weight.DemiBold.value)
    elif is_quote:
        change.setForeground(colours.colour("muted"))
    else:
        return
    cursor.mergeCharFormat(change)


def _dress_code(cursor: QTextCursor, block: QTextBlock) -> None:
    form = airy(block.blockFormat(), CODE_LINE_PERCENT)
    form.setNonBreakableLines(False)  # nothing scrolls sideways here: what does not fit would be cut off
    form.setTopMargin(0)
    form.setBottomMargin(0)
    mono = QTextCharFormat()
    mono.setFontFamilies(_mono_families())
    mono.setProperty(QTextFormat.Property.FontPixelSize.value, theme.current().sizes["body"])
    cursor.setPosition(block.position())
    cursor.setBlockFormat(form)
    cursor.setBlockCharFormat(mono)
    cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
    cursor.mergeCharFormat(mono)


def _mono_families() -> list[str]:
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).families()


def _code_frame() -> QTextFrameFormat:
    frame = QTextFrameFormat()
    frame.setBackground(theme.current().colour("chip"))
    frame.setPadding(GAP_PX)
    frame.setTopMargin(GAP_PX / 3)
    frame.setBottomMargin(GAP_PX)
    return frame


def _table_format(form: QTextTableFormat) -> QTextTableFormat:
    form.setBorder(1)
    form.setBorderCollapse(True)
    form.setBorderBrush(theme.current().colour("border"))
    form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    form.setCellPadding(GAP_PX / 2)
    form.setCellSpacing(0)
    form.setTopMargin(GAP_PX / 3)
    form.setBottomMargin(GAP_PX)
    return form


def _close_gaps(cursor: QTextCursor, document: QTextDocument) -> None:
    """Frames and tables bring empty lines before and after them, which take no room, and the last line no gap."""
    root = document.rootFrame()
    flat = QTextBlockFormat()
    flat.setLineHeight(1.0, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
    blocks = list(_blocks(document))
    for number, block in enumerate(blocks):
        cursor.setPosition(block.position())
        if block.length() > 1 or cursor.currentFrame() != root:
            continue
        beside = blocks[max(number - 1, 0)], blocks[min(number + 1, len(blocks) - 1)]
        ruler = block.blockFormat().hasProperty(QTextFormat.Property.BlockTrailingHorizontalRulerWidth.value)
        if not ruler and any(QTextCursor(each).currentFrame() != root for each in beside):
            cursor.setBlockFormat(flat)
    last = blocks[-1]
    cursor.setPosition(last.position())
    if cursor.currentFrame() == root and last.length() > 1:
        form = last.blockFormat()
        form.setBottomMargin(0)
        cursor.setBlockFormat(form)
