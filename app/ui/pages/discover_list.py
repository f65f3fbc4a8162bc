"""The list of models: paints its rows; a click or Enter on one opens it."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.ui import icons, theme
from app.ui.pages.discover_rows import (
    CAPTION_ROLE,
    Column,
    Row,
    RowFilter,
    alignment,
    row_at,
    titles,
    widest_texts,
)
from app.ui.pages.discover_words import VERDICTS, verdict_look
from app.ui.paint import paint_text, row_height, two_lines
from app.ui.painted_list import EDGE, PaintedList
from app.ui.table_rows import Index

ROW_PX = 56
GLYPH_PX = 18
PADDING = 8
"""As the style sheet gives to the titles of columns."""
CARET_PX = 28
ROUNDING_PX = 2
"""Widths of words are rounded, and words that lack half a pixel are shortened."""

NAME_PX = 184
"""Less than this is too little for most names."""


class ModelList(PaintedList):
    """`opened` carries the id of the model that a person chose."""

    opened = Signal(str)

    def __init__(self, rows: RowFilter) -> None:
        super().__init__(rows, ROW_PX)
        self.setItemDelegate(_RowHeight(self))
        self.setUniformRowHeights(True)
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
        area = self.row_area(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint_ground(painter, area, index)
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

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.current_row()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row is not None:
            self.opened.emit(row.model.id)
            return
        super().keyPressEvent(event)

    def target_at(self, point: QPoint) -> str | None:
        row = row_at(self.indexAt(point))
        return row.model.id if row is not None else None

    def choose(self, target: object) -> None:
        self.opened.emit(target)

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
        return QSize(0, row_height(ROW_PX, "body", "caption"))
