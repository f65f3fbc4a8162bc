"""The error of each tensor as a mark: layers from left to right, the error upwards, a shape for each type."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.ui import theme
from app.ui.pages import library_result_words as words
from app.ui.paint import paint_text
from app.ui.parts import plain_tip

if TYPE_CHECKING:  # the engine comes with the job that looks
    from app.convert.tensor_errors import TensorError

LEAST_HEIGHT_PX = 132
_MARK_PX = 7.0
_REACH_PX = 12.0
"""How near the pointer has to be to a mark."""
_COLOURS = ("accent", "part_context", "part_working", "warning", "muted")
_LAYER = re.compile(r"blk\.(\d+)\.")
_SPREAD = 0.7
"""Of the width of a layer, over which its marks are spread."""
_STEPS = (1.0, 2.0, 5.0)


@dataclass(frozen=True)
class _Mark:
    tensor: TensorError
    at: QPointF
    kind: int


class ErrorPlot(QWidget):
    """`tensor_chosen` carries the name of the one that was clicked."""

    tensor_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._tensors: Sequence[TensorError] = ()
        self._types: list[str] = []
        self._chosen = ""
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.follow(self, lambda: self.setMinimumHeight(theme.px(LEAST_HEIGHT_PX)))

    def show_tensors(self, tensors: Sequence[TensorError]) -> None:
        """Vectors, which nobody quantizes, are left out."""
        self._tensors = [each for each in tensors if len(each.shape) > 1 and each.relative is not None]
        total: dict[str, int] = {}
        for each in self._tensors:
            total[each.type] = total.get(each.type, 0) + each.size_bytes
        self._types = sorted(total, key=lambda type: -total[type])
        self._chosen = ""
        worst = max((each.relative or 0.0 for each in self._tensors), default=0.0)
        told = _tr("Error of {n} matrices by layer; the largest is {error}. The table has the same figures.")
        self.setAccessibleName(told.format(n=len(self._tensors), error=words.error(worst)))
        self.update()

    def choose(self, name: str) -> None:
        self._chosen = name
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(theme.px(400), theme.px(240))

    def place_of(self, name: str) -> QPointF | None:
        """Where the mark of a tensor is; None where it has none."""
        return next((mark.at for mark in self._marks() if mark.tensor.name == name), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        mark = self._mark_at(event.position())
        if mark is not None:
            self.tensor_chosen.emit(mark.tensor.name)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        near = self._mark_at(event.position()) is not None
        self.setCursor(Qt.CursorShape.PointingHandCursor if near else Qt.CursorShape.ArrowCursor)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            mark = self._mark_at(QPointF(event.pos()))
            if mark is None:
                QToolTip.hideText()
            else:
                told = f"{mark.tensor.name}\n{mark.tensor.type}, {words.error(mark.tensor.relative)}"
                QToolTip.showText(event.globalPos(), plain_tip(told), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_axes(painter)
            self._paint_legend(painter)
            marks = self._marks()
            for mark in marks:
                self._paint_mark(painter, mark.at, mark.kind, is_chosen=False)
            for mark in marks:
                if mark.tensor.name == self._chosen:  # above all others
                    self._paint_mark(painter, mark.at, mark.kind, is_chosen=True)

    # Where things are

    @property
    def _line_px(self) -> int:
        return QFontMetrics(theme.font("caption")).height()

    def _area(self) -> QRectF:
        labels = QFontMetrics(theme.font("caption")).horizontalAdvance("100 %") + 8
        rows = 2 + math.ceil(self._legend_px() / max(self.width(), 1)) - 1
        return QRectF(self.rect()).adjusted(labels, self._line_px * rows - 4, -10, -self._line_px - 8)

    def _legend_px(self) -> int:
        metrics = QFontMetrics(theme.font("caption"))
        return sum(metrics.horizontalAdvance(type) + 32 for type in self._types)

    def _top(self) -> float:
        """The error at the upper edge, a round number."""
        worst = max((each.relative or 0.0 for each in self._tensors), default=0.0)
        return _round_up(worst * 1.05) if worst > 0 else 0.01

    def _layers(self) -> int:
        return 1 + max((_layer(each.name) for each in self._tensors), default=0)

    def _marks(self) -> list[_Mark]:
        """Tensors of a layer beside each other, in the order of their names."""
        area, top = self._area(), self._top()
        places: dict[int, list[TensorError]] = {}
        for each in sorted(self._tensors, key=lambda each: each.name):
            places.setdefault(self._place(each.name), []).append(each)
        step = area.width() / (self._layers() + 2)
        marks = []
        for place, tensors in places.items():
            for number, each in enumerate(tensors):
                within = 0.5 + _SPREAD * ((number + 0.5) / len(tensors) - 0.5)
                x = area.left() + (place + within) * step
                y = area.bottom() - (each.relative or 0.0) / top * area.height()
                marks.append(_Mark(each, QPointF(x, y), self._types.index(each.type)))
        return marks

    def _place(self, name: str) -> int:
        """One before the layers for the embedding, one behind them for the output."""
        layer = _layer(name)
        return layer + 1 if layer >= 0 else 0 if name.startswith("token_embd") else self._layers() + 1

    def _mark_at(self, at: QPointF) -> _Mark | None:
        def distance(mark: _Mark) -> float:
            return math.hypot(mark.at.x() - at.x(), mark.at.y() - at.y())

        nearest = min(self._marks(), key=distance, default=None)
        return nearest if nearest is not None and distance(nearest) <= _REACH_PX else None

    # Painting

    def _paint_axes(self, painter: QPainter) -> None:
        area, top, tokens = self._area(), self._top(), theme.current()
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        lines = 4 if area.height() > 6 * self._line_px else 2
        for line in range(lines + 1):
            y = area.bottom() - area.height() * line / lines
            painter.setPen(QPen(tokens.colour("border"), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            place = QRect(0, round(y) - self._line_px // 2, round(area.left()) - 6, self._line_px)
            paint_text(painter, place, f"{100 * top * line / lines:.3g} %", "caption", "muted", right)
        step = area.width() / (self._layers() + 2)
        below = QRect(round(area.left()), round(area.bottom()) + 4, round(area.width()), self._line_px)
        every = max(math.ceil(theme.px(36) / max(step, 1)), 1)
        centre = Qt.AlignmentFlag.AlignHCenter
        for layer in range(0, self._layers(), every):
            x = area.left() + (layer + 1.5) * step
            place = QRect(round(x) - 20, below.top(), 40, below.height())
            paint_text(painter, place, str(layer), "caption", "muted", centre)
        first = QRect(round(area.left()), below.top(), round(step), below.height())
        last = QRect(round(area.right() - step), below.top(), round(step), below.height())
        metrics = QFontMetrics(theme.font("caption"))
        for place, name in ((first, _tr("embedding")), (last, _tr("output"))):
            if metrics.horizontalAdvance(name) <= place.width():
                paint_text(painter, place, name, "caption", "muted", centre)
        where = QRect(0, 0, self.width() - 10, self._line_px)
        if self._legend_px() + metrics.horizontalAdvance(_tr("by layer")) < where.width():
            paint_text(painter, where, _tr("by layer"), "caption", "muted", right)

    def _paint_legend(self, painter: QPainter) -> None:
        metrics, x, y = QFontMetrics(theme.font("caption")), 4, 0
        for kind, type in enumerate(self._types):
            width = metrics.horizontalAdvance(type)
            if x + width + 32 > self.width() and x > 4:
                x, y = 4, y + self._line_px
            self._paint_mark(painter, QPointF(x + 6, y + self._line_px / 2), kind, is_chosen=False)
            paint_text(painter, QRect(x + 14, y, width + 2, self._line_px), type, "caption", "text")
            x += width + 32

    def _paint_mark(self, painter: QPainter, at: QPointF, kind: int, *, is_chosen: bool) -> None:
        tokens = theme.current()
        size = _MARK_PX * (1.7 if is_chosen else 1.0)
        colour = tokens.colour(_COLOURS[kind % len(_COLOURS)])
        painter.setPen(QPen(tokens.colour("text" if is_chosen else "surface"), 2 if is_chosen else 1))
        painter.setBrush(colour)
        painter.drawPath(_shape(kind, at, size))


def _shape(kind: int, at: QPointF, size: float) -> QPainterPath:
    """Told apart without colour, too: a disc, a square, a diamond, a triangle."""
    path, half = QPainterPath(), size / 2
    x, y = at.x(), at.y()
    match kind % 4:
        case 0:
            path.addEllipse(at, half, half)
        case 1:
            path.addRect(x - half, y - half, size, size)
        case 2:
            corners = ((x, y - half * 1.3), (x + half * 1.3, y), (x, y + half * 1.3), (x - half * 1.3, y))
            _close(path, corners)
        case _:
            _close(path, ((x, y - half * 1.2), (x + half * 1.2, y + half), (x - half * 1.2, y + half)))
    return path


def _close(path: QPainterPath, corners: Sequence[tuple[float, float]]) -> None:
    path.moveTo(*corners[0])
    for corner in corners[1:]:
        path.lineTo(*corner)
    path.closeSubpath()


def _layer(name: str) -> int:
    """-1 for what is in none."""
    found = _LAYER.match(name)
    return int(found[1]) if found else -1


def _round_up(value: float) -> float:
    scale = 10.0 ** math.floor(math.log10(value))
    return next((step * scale for step in _STEPS if step * scale >= value), 10 * scale)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryResult", text)
