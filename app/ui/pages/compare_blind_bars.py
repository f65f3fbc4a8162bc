"""A share of votes as a bar, with whiskers for what the true share may be."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.compare.votes import Share
from app.ui import theme

BAR_PX = 10
WHISKER_PX = 2


class ShareBar(QWidget):
    """From 0 to all. `chance`: the share that nobody's preference would give, as a line; None without one."""

    def __init__(self, share: Share, chance: float | None, words: str) -> None:
        super().__init__()
        self.share = share
        self._chance = chance
        self.setToolTip(words)
        self.setAccessibleName(words)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(160, 24)

    def minimumSizeHint(self) -> QSize:
        return QSize(72, 24)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        left, width, middle = 2.0, self.width() - 4.0, self.height() / 2
        with QPainter(self) as painter:
            top = middle - BAR_PX / 2
            painter.fillRect(QRectF(left, top, width, BAR_PX), tokens.colour("track"))
            if not self.share.votes:
                return
            part = self.share.wins / self.share.votes
            painter.fillRect(QRectF(left, top, width * part, BAR_PX), tokens.colour("accent"))
            if self._chance is not None:
                at = left + width * self._chance
                painter.fillRect(QRectF(at - 0.5, 2, 1, self.height() - 4), tokens.colour("control"))
            ink = tokens.colour("text")
            low, high = left + width * self.share.low, left + width * self.share.high
            painter.fillRect(QRectF(low, middle - WHISKER_PX / 2, high - low, WHISKER_PX), ink)
            for end in (low, high):
                painter.fillRect(QRectF(end - WHISKER_PX / 2, middle - 6, WHISKER_PX, 12), ink)


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"
