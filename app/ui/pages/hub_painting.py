"""What the lists of the Hub paint alike: a verdict with its symbol, and the widths of columns."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.ui import icons, theme
from app.ui.pages.discover_words import VERDICTS, verdict_look
from app.ui.paint import paint_text, two_lines
from app.ui.table_rows import Index

GLYPH_PX = 18
PADDING = 8
"""As the style sheet gives to the titles of columns."""
ROUNDING_PX = 2
"""Widths of words are rounded, and words that lack half a pixel are shortened."""


def paint_verdict(painter: QPainter, area: QRect, verdict: str, caption: str) -> None:
    look = verdict_look(verdict)
    upper, lower = two_lines(area)
    glyph = QRect(upper.left(), upper.center().y() - GLYPH_PX // 2 + 1, GLYPH_PX, GLYPH_PX)
    icons.paint(painter, glyph, look.glyph, theme.current().colour(look.colour))
    beside = GLYPH_PX + 6
    paint_text(painter, upper.adjusted(beside, 0, 0, 0), look.words, "body", look.colour, strong=True)
    paint_text(painter, lower.adjusted(beside, 0, 0, 0), caption, "caption", "muted")


def verdict_px(*captions: str) -> int:
    """What the verdict's column needs, with those captions below the words."""
    strong = QFontMetrics(theme.font("body", strong=True))
    caption = QFontMetrics(theme.font("caption"))
    widest = max(strong.horizontalAdvance(verdict_look(each).words) for each in VERDICTS)
    widest = max([widest, *map(caption.horizontalAdvance, captions)])
    return GLYPH_PX + 6 + widest + ROUNDING_PX + 2 * PADDING


class RowHeight(QStyledItemDelegate):
    """Gives rows their height; the list itself paints them."""

    def __init__(self, parent: QWidget, row_px: Callable[[Index], int]) -> None:
        super().__init__(parent)
        self._row_px = row_px

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, self._row_px(index))
