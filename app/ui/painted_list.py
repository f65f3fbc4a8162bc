"""A list whose rows are painted, not built of widgets, so that thousands of them stay fast."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QTreeView

from app.ui import theme
from app.ui.table_rows import Index

EDGE = 16
"""Between the list's sides and its words."""


class PaintedList(QTreeView):
    """Follows the pointer, and paints the ground of its rows. What a press means is told by `target_at` and done by
    `choose`, which a subclass gives."""

    def __init__(self, rows: QAbstractItemModel, row_px: int) -> None:
        super().__init__()
        self._hovered = QPersistentModelIndex()
        self._pressed: object = None
        self.setModel(rows)
        self.setAccessibleName(self.tr("Models"))
        self.setRootIsDecorated(False)
        self.setItemsExpandable(False)
        self.setMouseTracking(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setSingleStep(row_px // 2)

    def target_at(self, point: QPoint) -> object:
        """What a press there would choose; None for nothing."""
        raise NotImplementedError

    def choose(self, target: object) -> None:
        raise NotImplementedError

    def hover(self, point: QPoint) -> None:
        index = self.indexAt(point) if self.viewport().rect().contains(point) else QModelIndex()
        self._hovered = QPersistentModelIndex(index)
        over = self.target_at(point) is not None
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)
        self.viewport().update()

    def is_selected(self, index: Index) -> bool:
        return self.selectionModel().isRowSelected(index.row(), QModelIndex())

    def is_hovered(self, index: Index) -> bool:
        return self._hovered.isValid() and self._hovered.row() == index.row()

    def row_area(self, place: QRect) -> QRect:
        """The whole width of a row of which `place` is a part."""
        return QRect(0, place.top(), self.viewport().width(), place.height())

    def paint_ground(self, painter: QPainter, area: QRect, index: Index) -> None:
        tokens = theme.current()
        inner = area.adjusted(4, 3, -4, -3)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.is_selected(index) or self.is_hovered(index):
            painter.setBrush(tokens.colour("accent_soft" if self.is_selected(index) else "hover"))
            painter.drawRoundedRect(inner, 8, 8)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if index.row() < self.model().rowCount() - 1:
            line = QRect(area.left() + EDGE, area.bottom(), area.width() - 2 * EDGE, 1)
            painter.fillRect(line, tokens.colour("border"))
        if self.hasFocus() and self.currentIndex().row() == index.row():
            painter.setPen(QPen(tokens.colour("accent"), 2))
            painter.drawRoundedRect(inner, 8, 8)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self.hover(event.position().toPoint())

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.hover(QPoint(-1, -1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        if event.button() is Qt.MouseButton.LeftButton:
            self._pressed = self.target_at(event.position().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        pressed, self._pressed = self._pressed, None
        if pressed is not None and pressed == self.target_at(event.position().toPoint()):
            self.choose(pressed)
