"""The list of what the Hub finds: paints its rows; a click or Enter on one opens the repository."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QHeaderView, QStyleOptionViewItem

from app.ui import icons, theme
from app.ui.pages.hub_painting import PADDING, ROUNDING_PX, RowHeight, paint_verdict, verdict_px
from app.ui.pages.hub_result_rows import (
    CAPTION_ROLE,
    Column,
    Result,
    ResultRows,
    alignment,
    result_at,
    titles,
    widest_texts,
)
from app.ui.paint import paint_text, row_height, two_lines
from app.ui.painted_list import EDGE, PaintedList
from app.ui.table_rows import Index

ROW_PX = 56
CARET_PX = 28
LOCK_PX = 14
NAME_PX = 200
"""Less than this is too little for most names."""
NEAR_END_ROWS = 8


class ResultList(PaintedList):
    """`opened` carries the id of the repository that a person chose; `more_wanted`: the end has come near."""

    opened = Signal(str)
    more_wanted = Signal()

    def __init__(self, rows: ResultRows) -> None:
        super().__init__(rows, ROW_PX)
        self.setItemDelegate(RowHeight(self, lambda index: row_height(ROW_PX, "body", "caption")))
        self.setUniformRowHeights(True)
        self.verticalScrollBar().valueChanged.connect(self._look_for_end)
        self._settle_columns()

    def current_result(self) -> Result | None:
        return result_at(self.currentIndex())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._settle_columns()
        others = sum(self._column_px(column) for column in list(Column)[1:])
        self.setColumnHidden(Column.CHANGED, self.viewport().width() - others < NAME_PX)

    def drawRow(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        result = result_at(index)
        if result is None:
            return
        area = self.row_area(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint_ground(painter, area, index)
        for column in Column:
            if self.isColumnHidden(column):
                continue
            cell = index.sibling(index.row(), column)
            place = self._inside(self.visualRect(QModelIndex(cell)), column)
            caption = str(cell.data(CAPTION_ROLE))
            if column is Column.VERDICT and result.fit is not None:
                paint_verdict(painter, place, result.fit.verdict, caption)
                continue
            upper, lower = two_lines(place)
            side = alignment(column) | Qt.AlignmentFlag.AlignVCenter
            if column is Column.MODEL and (result.model.is_gated or result.model.is_private):
                upper.setRight(_paint_lock(painter, upper, result.name))
            paint_text(painter, upper, str(cell.data()), "body", "text", side, strong=column is Column.MODEL)
            paint_text(painter, lower, caption, "caption", "muted", side)
        caret = QRect(area.right() - EDGE - 12, area.center().y() - 7, 14, 14)
        icons.paint(painter, caret, "caret-right", theme.current().colour("muted"))
        painter.restore()

    # Pointer and keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        result = self.current_result()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and result is not None:
            self.opened.emit(result.model.id)
            return
        super().keyPressEvent(event)

    def target_at(self, point: QPoint) -> str | None:
        result = result_at(self.indexAt(point))
        return result.model.id if result is not None else None

    def choose(self, target: object) -> None:
        self.opened.emit(target)

    # Columns and places

    def _look_for_end(self, value: int) -> None:
        if value >= self.verticalScrollBar().maximum() - NEAR_END_ROWS * ROW_PX:
            self.more_wanted.emit()

    def _inside(self, place: QRect, column: Column) -> QRect:
        match column:
            case Column.MODEL:
                return place.adjusted(EDGE, 0, 0, 0)
            case Column.VERDICT:
                return place.adjusted(PADDING, 0, -CARET_PX - PADDING, 0)
            case _:
                return place.adjusted(PADDING, 0, -PADDING, 0)

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
        if column is Column.VERDICT:
            return verdict_px(_tr("in Q4_K_M, estimated")) + CARET_PX
        body, caption = QFontMetrics(theme.font("body")), QFontMetrics(theme.font("caption"))
        title = caption.horizontalAdvance(titles()[column])
        return max(title, *map(body.horizontalAdvance, widest_texts(column))) + ROUNDING_PX + 2 * PADDING


def _paint_lock(painter: QPainter, area: QRect, name: str) -> int:
    """Behind the name; returns where the name has to end."""
    width = QFontMetrics(theme.font("body", strong=True)).horizontalAdvance(name) + ROUNDING_PX
    left = min(area.left() + width + 6, area.right() - LOCK_PX)
    lock = QRect(left, area.center().y() - LOCK_PX // 2 + 1, LOCK_PX, LOCK_PX)
    icons.paint(painter, lock, "lock-simple", theme.current().colour("muted"))
    return left - 4


def _tr(text: str) -> str:
    return QCoreApplication.translate("HubPage", text)
