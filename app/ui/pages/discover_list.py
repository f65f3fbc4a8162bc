"""The list of models: paints its rows; a click or Enter on one opens it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from app.ui import icons, theme
from app.ui.pages.discover_rows import (
    CAPTION_ROLE,
    Column,
    Index,
    Row,
    RowFilter,
    alignment,
    row_at,
    titles,
    widest_texts,
)
from app.ui.pages.discover_words import VERDICTS, verdict_look
from app.ui.pages.library_paint import paint_text, two_lines

ROW_PX = 56
EDGE = 16
GLYPH_PX = 18
PADDING = 8
"""As the style sheet gives to the titles of columns."""
CARET_PX = 28
ROUNDING_PX = 2
"""Widths of words are rounded, and words that lack half a pixel are shortened."""

NAME_PX = 184
"""Less than this is too little for most names."""


class ModelList(QTreeView):
    """`opened` carries the id of the model that a person chose."""

    opened = Signal(str)

    def __init__(self, rows: RowFilter) -> None:
        super().__init__()
        self._hovered = QPersistentModelIndex()
        self._pressed = ""
        self.setModel(rows)
        self.setItemDelegate(_RowHeight(self))
        self.setAccessibleName(self.tr("Models"))
        self.setRootIsDecorated(False)
        self.setItemsExpandable(False)
        self.setUniformRowHeights(True)
        self.setMouseTracking(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setSingleStep(ROW_PX // 2)
        self._settle_columns()

    def current_row(self) -> Row | None:
        return row_at(self.currentIndex())

    def show_model(self, model_id: str) -> None:
        """Selects the row of a model and scrolls to it, if it is listed."""
        for number in range(self.model().rowCount()):
            index = self.model().index(number, 0)
            row = row_at(index)
            if row is not None and row.model.id == model_id:
                self.setCurrentIndex(index)
                self.scrollTo(index)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._settle_columns()
        # The name comes first: where it would have too little room, the verdict alone has to tell of memory.
        others = sum(self._column_px(column) for column in list(Column)[1:])
        self.setColumnHidden(Column.IN_USE, self.viewport().width() - others < NAME_PX)

    # Painting

    def drawRow(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = row_at(index)
        if row is None:
            return
        area = QRect(0, option.rect.top(), self.viewport().width(), option.rect.height())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_ground(painter, area, index)
        for column in Column:
            if self.isColumnHidden(column):
                continue
            cell = index.sibling(index.row(), column)
            place = self.visualRect(QModelIndex(cell))
            upper, lower = two_lines(self._inside(place, column))
            if column is Column.VERDICT:
                self._paint_verdict(painter, upper, lower, cell, row)
                continue
            side = alignment(column) | Qt.AlignmentFlag.AlignVCenter
            strong = column in (Column.MODEL, Column.BEST)
            paint_text(painter, upper, str(cell.data()), "body", "text", side, strong=strong)
            paint_text(painter, lower, str(cell.data(CAPTION_ROLE)), "caption", "muted", side)
        caret = QRect(area.right() - EDGE - 12, area.center().y() - 7, 14, 14)
        icons.paint(painter, caret, "caret-right", theme.current().colour("muted"))
        painter.restore()

    def _paint_ground(self, painter: QPainter, area: QRect, index: Index) -> None:
        tokens = theme.current()
        inner = area.adjusted(4, 2, -4, -2)
        painter.setPen(Qt.PenStyle.NoPen)
        is_selected = self.selectionModel().isRowSelected(index.row(), QModelIndex())
        is_hovered = self._hovered.isValid() and self._hovered.row() == index.row()
        if is_selected or is_hovered:
            painter.setBrush(tokens.colour("accent_soft" if is_selected else "hover"))
            painter.drawRoundedRect(inner, 8, 8)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if index.row() < self.model().rowCount() - 1:
            line = QRect(area.left() + EDGE, area.bottom(), area.width() - 2 * EDGE, 1)
            painter.fillRect(line, tokens.colour("border"))
        if self.hasFocus() and self.currentIndex().row() == index.row():
            painter.setPen(QPen(tokens.colour("accent"), 2))
            painter.drawRoundedRect(inner, 8, 8)

    def _paint_verdict(self, painter: QPainter, upper: QRect, lower: QRect, cell: Index, row: Row) -> None:
        look = verdict_look(row.step.fit.verdict)
        glyph = QRect(upper.left(), upper.center().y() - GLYPH_PX // 2 + 1, GLYPH_PX, GLYPH_PX)
        icons.paint(painter, glyph, look.glyph, theme.current().colour(look.colour))
        beside = GLYPH_PX + 6
        paint_text(painter, upper.adjusted(beside, 0, 0, 0), look.words, "body", look.colour, strong=True)
        caption = str(cell.data(CAPTION_ROLE))
        paint_text(painter, lower.adjusted(beside, 0, 0, 0), caption, "caption", "muted")

    def _inside(self, place: QRect, column: Column) -> QRect:
        match column:
            case Column.MODEL:
                return place.adjusted(EDGE, 0, 0, 0)
            case Column.VERDICT:
                return place.adjusted(PADDING, 0, -CARET_PX - PADDING, 0)
            case _:
                return place.adjusted(PADDING, 0, -PADDING, 0)

    # Pointer and keys

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hover(event.position().toPoint())

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hover(QPoint(-1, -1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        if event.button() is Qt.MouseButton.LeftButton:
            self._pressed = self._model_at(event.position().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        pressed, self._pressed = self._pressed, ""
        if pressed and pressed == self._model_at(event.position().toPoint()):
            self.opened.emit(pressed)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.current_row()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row is not None:
            self.opened.emit(row.model.id)
            return
        super().keyPressEvent(event)

    def _model_at(self, point: QPoint) -> str:
        row = row_at(self.indexAt(point))
        return row.model.id if row is not None else ""

    def _hover(self, point: QPoint) -> None:
        index = self.indexAt(point) if self.viewport().rect().contains(point) else QModelIndex()
        self._hovered = QPersistentModelIndex(index)
        shape = Qt.CursorShape.PointingHandCursor if index.isValid() else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(shape)
        self.viewport().update()

    # Columns

    def _settle_columns(self) -> None:
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionsMovable(False)
        header.setSectionsClickable(False)
        header.setMinimumSectionSize(48)
        header.setSectionResizeMode(Column.MODEL, QHeaderView.ResizeMode.Stretch)
        for column in list(Column)[1:]:
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, self._column_px(column))

    def _column_px(self, column: Column) -> int:
        """Wide enough for its title and whatever may stand in it, in any language."""
        strong = QFontMetrics(theme.font("body", strong=True))
        caption = QFontMetrics(theme.font("caption"))
        title = caption.horizontalAdvance(titles()[column])
        if column is Column.VERDICT:
            words = max(strong.horizontalAdvance(verdict_look(each).words) for each in VERDICTS)
            return max(title, GLYPH_PX + 6 + words + ROUNDING_PX + CARET_PX) + 2 * PADDING
        widest = max(map(strong.horizontalAdvance, widest_texts(column)))
        return max(title, widest) + ROUNDING_PX + 2 * PADDING


class _RowHeight(QStyledItemDelegate):
    """Gives rows their height; the list itself paints them."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, ROW_PX)
