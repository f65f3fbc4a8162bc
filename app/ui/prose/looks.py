"""Measures and formats of what is read: how headings, quotes, code and tables look in the theme in use."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QFont,
    QFontDatabase,
    QTextBlockFormat,
    QTextCharFormat,
    QTextFormat,
    QTextFrameFormat,
    QTextLength,
    QTextTableFormat,
)

from app.ui import theme

LINE_PERCENT, CODE_LINE_PERCENT = 140.0, 125.0
GAP_PX = 12.0
INDENT_PX = 26.0
CODE_HEAD_PX = 34.0
"""Above the first line of code: room for its language and the button that copies it."""

CODE_RUN = QTextFormat.Property.UserProperty.value + 1
"""Of a paragraph: the number of the piece of code whose line it is."""
QUOTE = QTextFormat.Property.BlockQuoteLevel.value
SOURCE = QTextFormat.Property.UserProperty.value + 2
"""Of characters: the text that they stand for."""
FILLER = QTextFormat.Property.UserProperty.value + 3
"""Of a paragraph that only Qt needs."""


def airy(form: QTextBlockFormat, percent: float = LINE_PERCENT) -> QTextBlockFormat:
    """`form` with room between the lines."""
    form.setLineHeight(percent, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
    return form


@lru_cache(maxsize=1)
def mono_families() -> list[str]:
    return list(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).families())


def code_characters() -> QTextCharFormat:
    form = QTextCharFormat()
    form.setFontFamilies(mono_families())
    form.setProperty(QTextFormat.Property.FontPixelSize.value, theme.current().sizes["body"])
    return form


def heading_characters(form: QTextCharFormat, level: int) -> QTextCharFormat:
    sizes = theme.current().sizes
    size = sizes["title"] if level == 1 else sizes["heading"] + (1 if level == 2 else 0)
    form.setProperty(QTextFormat.Property.FontPixelSize.value, size)
    form.setFontWeight(QFont.Weight.DemiBold)
    return form


def hidden_characters(form: QTextCharFormat, character: str) -> QTextCharFormat:
    made = QTextCharFormat(form)
    made.setForeground(theme.current().colour("warning"))
    made.setBackground(theme.current().colour("warning_soft"))
    made.setProperty(SOURCE, character)
    return made


def flat_paragraph() -> QTextBlockFormat:
    """Takes no room: Qt demands an empty paragraph beside tables."""
    form = QTextBlockFormat()
    form.setLineHeight(1.0, QTextBlockFormat.LineHeightTypes.FixedHeight.value)
    form.setProperty(FILLER, 1)
    return form


def table_format(columns: int, left_px: float, top_px: float) -> QTextTableFormat:
    form = QTextTableFormat()
    form.setBorder(1)
    form.setBorderCollapse(True)
    form.setBorderBrush(theme.current().colour("border"))
    form.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    form.setCellPadding(GAP_PX / 2)
    form.setCellSpacing(0)
    form.setTopMargin(top_px)
    form.setLeftMargin(left_px)
    form.setHeaderRowCount(1)
    return form


def ruler() -> QTextBlockFormat:
    form = QTextBlockFormat()
    form.setProperty(
        QTextFormat.Property.BlockTrailingHorizontalRulerWidth.value,
        QTextLength(QTextLength.Type.PercentageLength, 100),
    )
    form.setTopMargin(GAP_PX)
    return form


ALIGNMENTS = {
    "text-align:left": Qt.AlignmentFlag.AlignLeft,
    "text-align:right": Qt.AlignmentFlag.AlignRight,
    "text-align:center": Qt.AlignmentFlag.AlignHCenter,
}
