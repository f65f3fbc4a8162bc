"""What one model takes of this computer's memory: the verdict in a line, and the bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui import fit_words, icons, theme
from app.ui.memory_bar import BAR_PX, Zone, paint_bar, paint_zone_names, zones_of
from app.ui.paint import paint_text

if TYPE_CHECKING:  # the engine comes with the job that reads the header
    from app.recommend.budget import Budget
    from app.recommend.fit import Fit
    from app.recommend.need import Need

GLYPH_PX = 18


class VerdictLine(QWidget):
    """A symbol with its word, and what stays free."""

    def __init__(self) -> None:
        super().__init__()
        self._fit: Fit | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_verdict(self, placed: Fit) -> None:
        self._fit = placed
        look = fit_words.verdict_look(placed.verdict)
        self.setAccessibleName(f"{look.words}, {fit_words.left_over(placed)}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, max(GLYPH_PX, QFontMetrics(theme.font("body", strong=True)).height()) + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._fit is None:
            return
        look = fit_words.verdict_look(self._fit.verdict)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            glyph = QRect(0, (self.height() - GLYPH_PX) // 2, GLYPH_PX, GLYPH_PX)
            icons.paint(painter, glyph, look.glyph, theme.current().colour(look.colour))
            words = self.rect().adjusted(GLYPH_PX + 6, 0, 0, 0)
            paint_text(painter, words, look.words, "body", look.colour, strong=True)
            width = QFontMetrics(theme.font("body", strong=True)).horizontalAdvance(look.words)
            left = fit_words.left_over(self._fit)
            lacks = self._fit.free_bytes < 0
            paint_text(
                painter, words.adjusted(width + 10, 0, 0, 0), left, "caption", "danger" if lacks else "muted"
            )


class UseBar(QWidget):
    """The names of the memories, and below them what is taken of each."""

    def __init__(self) -> None:
        super().__init__()
        self._use: tuple[Need, Fit] | None = None
        self._zones: tuple[Zone, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_use(self, need: Need, placed: Fit, budget: Budget) -> None:
        self._use, self._zones = (need, placed), zones_of(budget)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, self._caption_px() + 4 + BAR_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._use is None:
            return
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            caption = self._caption_px()
            paint_zone_names(painter, QRect(0, 0, self.width(), caption), self._zones)
            paint_bar(painter, QRect(0, caption + 4, self.width(), BAR_PX), self._zones, *self._use)

    def _caption_px(self) -> int:
        return QFontMetrics(theme.font("caption")).height()
