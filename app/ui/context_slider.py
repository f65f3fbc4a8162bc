"""The slider for the context length: a few stops, each with its name under it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QSlider

from app.ui import theme
from app.ui.fit_words import context_name

HANDLE_PX = 18
GROOVE_PX = 4
WIDEST_PX = 560
LEAST_GAP_PX = 12


class ContextSlider(QSlider):
    """Its value is a stop's number; `chosen` carries the stop's context, in tokens, when a person moves it."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._contexts: tuple[int, ...] = (0,)
        self._names: tuple[str, ...] = ("",)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMaximumWidth(WIDEST_PX)
        self.setPageStep(1)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setToolTip(self.tr("How long a conversation may get, in tokens (1k = 1024), with its answers"))
        self.valueChanged.connect(self._moved)

    def set_stops(self, contexts: Sequence[int], longest: int, chosen: int) -> None:
        """`contexts` to choose from, of which what is above `longest` means that; stands at `chosen` or the nearest."""
        self.blockSignals(True)
        self._contexts = tuple(contexts)
        self._names = tuple(context_name(min(each, longest or each)) for each in contexts)
        self.setRange(0, len(contexts) - 1)
        self.setValue(min(range(len(contexts)), key=lambda stop: abs(contexts[stop] - chosen)))
        self.blockSignals(False)
        self._tell()
        self.updateGeometry()
        self.update()

    def choose(self, context: int) -> None:
        """Goes to the stop of `context`, as if a person had moved it there."""
        if context in self._contexts:
            self.setValue(self._contexts.index(context))

    @property
    def context(self) -> int:
        """Where it stands, in tokens."""
        return self._contexts[self.value()]

    @property
    def shown(self) -> str:
        """The name of the stop it stands at: `8k`."""
        return self._names[self.value()]

    def sizeHint(self) -> QSize:
        return QSize(320, HANDLE_PX + 6 + self._metrics().height())

    def minimumSizeHint(self) -> QSize:
        names = sum(self._metrics().horizontalAdvance(name) + LEAST_GAP_PX for name in self._names)
        return QSize(max(names, 160), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        groove = self._groove()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.colour("track"))
            painter.drawRoundedRect(groove, 2, 2)
            at = self._x_of(self.value())
            painter.setBrush(tokens.colour("accent"))
            painter.drawRoundedRect(groove.adjusted(0, 0, at - groove.right(), 0), 2, 2)
            painter.setFont(theme.font("caption"))
            for stop, name in enumerate(self._names):
                self._paint_stop(painter, stop, name)
            painter.setBrush(tokens.colour("accent"))
            painter.setPen(QPen(tokens.colour("text" if self.hasFocus() else "surface"), 2))
            painter.drawEllipse(QPoint(at, groove.center().y() + 1), HANDLE_PX // 2 - 1, HANDLE_PX // 2 - 1)

    def _paint_stop(self, painter: QPainter, stop: int, name: str) -> None:
        tokens = theme.current()
        at, groove = self._x_of(stop), self._groove()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tokens.colour("accent" if stop <= self.value() else "control"))
        painter.drawEllipse(QPoint(at, groove.center().y() + 1), 4, 4)
        metrics = self._metrics()
        width = metrics.horizontalAdvance(name) + 2
        left = min(max(at - width // 2, 0), self.width() - width)
        painter.setPen(tokens.colour("text" if stop == self.value() else "muted"))
        area = QRect(left, self.height() - metrics.height(), width, metrics.height())
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, name)

    # Wherever it is pressed it goes to the nearest stop, as all of it looks like one line.

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self.setFocus()
            self.setSliderDown(True)
            self.setValue(self._stop_at(event.position().toPoint()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self.setValue(self._stop_at(event.position().toPoint()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)

    def _stop_at(self, point: QPoint) -> int:
        return min(range(len(self._contexts)), key=lambda stop: abs(self._x_of(stop) - point.x()))

    def _moved(self, stop: int) -> None:
        self._tell()
        self.update()
        self.chosen.emit(self._contexts[stop])

    def _tell(self) -> None:
        self.setAccessibleName(self.tr("Context: {tokens} tokens").format(tokens=self.shown))

    def _groove(self) -> QRect:
        return QRect(HANDLE_PX // 2, HANDLE_PX // 2 - GROOVE_PX // 2, self.width() - HANDLE_PX, GROOVE_PX)

    def _x_of(self, stop: int) -> int:
        groove = self._groove()
        return groove.left() + round(stop * groove.width() / max(len(self._contexts) - 1, 1))

    def _metrics(self) -> QFontMetrics:
        return QFontMetrics(theme.font("caption"))
