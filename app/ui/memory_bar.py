"""Bars of memory: what a model takes, stacked by what it is for, against what is free.

All bars for one computer have one scale. Where a card has memory of its own the bar goes from the card's into main
memory, and both are drawn so wide that they can be read, however much larger one is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QFontMetrics, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QWidget

from app.ui import theme
from app.ui.fit_words import gigabytes
from app.ui.paint import paint_text
from app.ui.parts import label

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.recommend.budget import Budget
    from app.recommend.fit import Fit
    from app.recommend.need import Need
    from app.recommend.staircase import Parts

BAR_PX = 14
BETWEEN_PX = 6
LEAST_SHARE = 0.36
SWATCH_PX = 10
OVERFLOW_PX = 14

_COLOURS = ("part_weights", "part_context", "part_working")


@dataclass(frozen=True)
class Zone:
    """One memory on the scale. `share`: of the whole width, 0 to 1; `limit`: how much of it a GPU may use, as a share
    of the zone."""

    name: str
    free_bytes: int
    share: float = 1.0
    limit: float = 1.0


def zones_of(budget: Budget) -> tuple[Zone, ...]:
    memory = budget.memory_bytes
    if not budget.accelerator_bytes:
        return (Zone(_tr("Memory"), memory),)
    if budget.is_shared:
        limit = min(budget.accelerator_bytes / memory, 1.0) if memory else 1.0
        return (Zone(_tr("Shared memory"), memory, limit=limit),)
    share = budget.accelerator_bytes / (budget.accelerator_bytes + memory)
    share = min(max(share, LEAST_SHARE), 1 - LEAST_SHARE)
    return (Zone(_tr("GPU"), budget.accelerator_bytes, share), Zone(_tr("Memory"), memory, 1 - share))


def zone_rects(area: QRect, zones: Sequence[Zone]) -> list[QRect]:
    """Side by side in `area`, with a gap between."""
    room = area.width() - BETWEEN_PX * (len(zones) - 1)
    rects, left = [], area.left()
    for number, zone in enumerate(zones):
        last = number == len(zones) - 1
        width = area.right() + 1 - left if last else round(room * zone.share)
        rects.append(QRect(left, area.top(), width, area.height()))
        left += width + BETWEEN_PX
    return rects


def paint_bar(painter: QPainter, area: QRect, zones: Sequence[Zone], need: Need, fit: Fit) -> None:
    """What `need` takes where `fit` puts it."""
    for rect, zone, parts in zip(zone_rects(area, zones), zones, _parts_in(zones, need, fit), strict=True):
        is_last = zone is zones[-1]
        _paint_zone(painter, rect, zone, parts, overflows=is_last and fit.free_bytes < 0)


def paint_zone_names(painter: QPainter, area: QRect, zones: Sequence[Zone]) -> None:
    """With as many words as there is room for."""
    metrics = QFontMetrics(theme.font("caption"))
    for rect, zone in zip(zone_rects(area, zones), zones, strict=True):
        size = _tr("{size} GB").format(size=gigabytes(zone.free_bytes))
        texts = (_tr("{where}, {size} free").format(where=zone.name, size=size), f"{zone.name} {size}", size)
        fitting = (text for text in texts if metrics.horizontalAdvance(text) <= rect.width())
        paint_text(painter, rect, next(fitting, size), "caption", "muted")


def _parts_in(zones: Sequence[Zone], need: Need, fit: Fit) -> list[tuple[int, int, int]]:
    """Weights, context and working space of each zone, in bytes."""
    from app.recommend.staircase import parts_of

    on_gpu, in_memory = (_numbers(parts) for parts in parts_of(need, fit))
    if len(zones) == 2:
        return [on_gpu, in_memory]
    both = [one + other for one, other in zip(on_gpu, in_memory, strict=True)]
    return [(both[0], both[1], both[2])]


def _numbers(parts: Parts) -> tuple[int, int, int]:
    return parts.weights_bytes, parts.context_bytes, parts.working_bytes


def _paint_zone(
    painter: QPainter, rect: QRect, zone: Zone, parts: tuple[int, int, int], *, overflows: bool
) -> None:
    tokens = theme.current()
    painter.save()
    outline = QPainterPath()
    outline.addRoundedRect(QRectF(rect), 4, 4)
    painter.setClipPath(outline)
    painter.fillRect(rect, tokens.colour("track"))
    left = float(rect.left())
    for size_bytes, colour in zip(parts, _COLOURS, strict=True):
        if not size_bytes:
            continue
        width = size_bytes / zone.free_bytes * rect.width() if zone.free_bytes else float(rect.width())
        width = max(width, 2.0)
        painter.fillRect(QRectF(left, rect.top(), width, rect.height()), tokens.colour(colour))
        left += width
        # A thin line between the parts, which are so told apart without their colours.
        painter.fillRect(QRectF(left - 1, rect.top(), 1, rect.height()), tokens.colour("surface"))
    if zone.limit < 1.0:
        at = rect.left() + zone.limit * rect.width()
        painter.fillRect(QRectF(at - 1, rect.top(), 2, rect.height()), tokens.colour("text"))
    if overflows:
        _paint_overflow(painter, rect)
    painter.restore()


def _paint_overflow(painter: QPainter, rect: QRect) -> None:
    tokens = theme.current()
    end = QRect(rect.right() + 1 - OVERFLOW_PX, rect.top(), OVERFLOW_PX, rect.height())
    painter.fillRect(end, tokens.colour("danger"))
    painter.fillRect(end, QBrush(tokens.colour("surface"), Qt.BrushStyle.BDiagPattern))


class Legend(QWidget):
    """Which colour is what: in one row, or in two where it would be too wide."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[QWidget] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(4)
        for colour, words, meaning in (
            ("part_weights", self.tr("weights"), self.tr("The model itself")),
            ("part_context", self.tr("context"), self.tr("What it remembers of the conversation (KV cache)")),
            ("part_working", self.tr("working space"), self.tr("Results of what is being computed")),
            ("track", self.tr("stays free"), self.tr("Of what is free now")),
        ):
            text = label(words, "caption")
            text.setToolTip(meaning)
            entry = QWidget()
            row = QHBoxLayout(entry)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(6)
            row.addWidget(_Swatch(colour))
            row.addWidget(text, 1)
            self._entries.append(entry)
        self._arrange(len(self._entries))

    def fit_into(self, width: int) -> None:
        """`width`: what it may take, in pixels."""
        spacing = self._grid.horizontalSpacing()
        in_a_row = sum(entry.sizeHint().width() + spacing for entry in self._entries) - spacing
        self._arrange(len(self._entries) if in_a_row <= width else len(self._entries) // 2)

    def _arrange(self, columns: int) -> None:
        for place, entry in enumerate(self._entries):
            self._grid.addWidget(entry, place // columns, place % columns)


class _Swatch(QWidget):
    def __init__(self, colour: str) -> None:
        super().__init__()
        self._colour = colour
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(SWATCH_PX, SWATCH_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.current().colour(self._colour))
            painter.drawRoundedRect(self.rect(), 3, 3)


def _tr(text: str) -> str:
    return QCoreApplication.translate("MemoryBar", text)
