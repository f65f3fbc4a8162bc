"""The strip under the text: a bar for each token, as high as two models differ there."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.compare.token_words import strength
from app.runtime.protocol import TokenDivergence
from app.ui import theme
from app.ui.pages.divergence_words import bar_colour

HEIGHT_PX = 56
LEAST_PX = 2.0
"""Of a bar: a place where the models agree is seen as such."""


class DivergenceChart(QWidget):
    """`chosen`: the index of the token that was clicked. Where there are more tokens than pixels, a column shows the
    one of its tokens that differs most."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens: Sequence[TokenDivergence] = ()
        self._current = -1
        self.setFixedHeight(HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(self.tr("How much the models differ at each token"))

    def show_tokens(self, tokens: Sequence[TokenDivergence]) -> None:
        self._tokens, self._current = tokens, -1
        self.update()

    def choose(self, index: int) -> None:
        self._current = index
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, HEIGHT_PX)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._tokens:
            index = int(event.position().x() * len(self._tokens) / max(self.width(), 1))
            self.chosen.emit(min(max(index, 0), len(self._tokens) - 1))

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        count = len(self._tokens)
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), tokens.colour("surface"))
            columns = min(count, self.width())
            for column in range(columns):
                first, last = column * count // columns, (column + 1) * count // columns
                shown = max(range(first, max(last, first + 1)), key=lambda at: strength(self._kl(at)))
                left, right = column * self.width() / columns, (column + 1) * self.width() / columns
                gap = 1.0 if right - left > 3 else 0.0
                height = LEAST_PX + (HEIGHT_PX - LEAST_PX) * strength(self._kl(shown))
                bar = QRectF(left, HEIGHT_PX - height, max(right - left - gap, 1.0), height)
                is_current = first <= self._current < max(last, first + 1)
                painter.fillRect(
                    bar, tokens.colour("accent") if is_current else bar_colour(self._tokens[shown])
                )
            painter.fillRect(0, HEIGHT_PX - 1, self.width(), 1, tokens.colour("border"))

    def _kl(self, index: int) -> float:
        return self._tokens[index].kl_divergence
