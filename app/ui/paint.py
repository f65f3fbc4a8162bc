"""How painted lists and bars write words and chips."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter

from app.ui import theme

_ARRIVED_PX = 3
_AROUND_PX = 14
"""Above, below and between the lines of a row, at least."""


def paint_arrived(painter: QPainter, place: QRect, fraction: float) -> None:
    """Under the button at `place`, how much of a file has come."""
    track = QRect(place.left(), place.bottom() + 3, place.width(), _ARRIVED_PX)
    tokens = theme.current()
    painter.fillRect(track, tokens.colour("track"))
    painter.fillRect(track.adjusted(0, 0, round((fraction - 1) * track.width()), 0), tokens.colour("accent"))


def row_height(least_px: int, *roles: str) -> int:
    """Of a row with a line of text for each of these roles: as drawn, or what larger text needs."""
    lines_px = sum(QFontMetrics(theme.font(role, strong=True)).height() for role in roles)
    return max(least_px, lines_px + _AROUND_PX)


def two_lines(area: QRect) -> tuple[QRect, QRect]:
    """Where a line of body text and a caption below it go, together in the middle of `area`."""
    upper = QFontMetrics(theme.font("body", strong=True)).height()
    lower = QFontMetrics(theme.font("caption")).height()
    top = area.center().y() - (upper + 2 + lower) // 2
    return (
        QRect(area.left(), top, area.width(), upper),
        QRect(area.left(), top + upper + 2, area.width(), lower),
    )


def paint_chip(painter: QPainter, area: QRect, text: str, ground: str) -> None:
    tokens = theme.current()
    font = theme.font("caption", strong=True)
    width = min(QFontMetrics(font).horizontalAdvance(text) + 16, area.width())
    chip = QRect(area.left(), area.center().y() - 11, width, 24)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(tokens.colour(ground))
    painter.drawRoundedRect(chip, 6, 6)
    paint_text(painter, chip, text, "caption", "text", Qt.AlignmentFlag.AlignCenter, strong=True)


def paint_text(
    painter: QPainter,
    area: QRect,
    text: str,
    role: str,
    colour: str,
    alignment: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignVCenter,
    *,
    strong: bool = False,
) -> None:
    """One line, shortened where `area` is too narrow."""
    font = theme.font(role, strong=strong)
    painter.setFont(font)
    painter.setPen(QColor(theme.current().colour(colour)))
    shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, area.width())
    painter.drawText(area, alignment, shown)
