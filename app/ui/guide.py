"""The built-in model in the window: the words and the badge that mark it. How it is made: `guide_making`."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QRect, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QLabel

from app.ui import theme
from app.ui.parts import label

BADGE_PX = 18
GAP_PX = 8
_PADDING_PX = 7


def name() -> str:
    """As the guide's files call themselves."""
    return _tr("Nibble guide")


def badge_text() -> str:
    return _tr("Built in")


def explanation() -> str:
    """What is behind the badge."""
    return _tr(
        "Nibble's own tiny model: it comes with the program and answers questions about Nibble and quantization. "
        "Small enough to show in seconds what a quantization costs; no match for a real model."
    )


def badge() -> QLabel:
    """The mark of the built-in model, as a widget."""
    made = label(badge_text(), "badge")
    made.setToolTip(explanation())
    return made


def paint_badge_behind(painter: QPainter, line: QRect, words: str, font: QFont, colour: str = "muted") -> int:
    """Paints the mark of the built-in model behind `words`; returns where, in `line`, they have to end.

    Where there is no room for both, the words have it: who listens or points hears of the mark, too.
    """
    width = QFontMetrics(theme.font("caption")).horizontalAdvance(badge_text()) + 2 * _PADDING_PX
    left = line.left() + QFontMetrics(font).horizontalAdvance(words) + GAP_PX
    if left + width > line.right() + 1:
        return line.right()
    _paint_badge(painter, QRect(left, line.center().y() - BADGE_PX // 2, width, BADGE_PX), colour)
    return left - GAP_PX


def _paint_badge(painter: QPainter, area: QRect, colour: str) -> None:
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme.current().colour("control"), 1))
    painter.drawRoundedRect(area.toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
    painter.setFont(theme.font("caption"))
    painter.setPen(theme.current().colour(colour))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, badge_text())
    painter.restore()


def _tr(text: str) -> str:
    return QCoreApplication.translate("Guide", text)
