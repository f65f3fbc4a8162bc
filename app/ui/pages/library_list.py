"""The list of models: paints its rows, and turns clicks and keys on them into signals.

A click on a row shows its details (or makes the built-in model), Enter opens a chat where one is possible; the
buttons at its end do the rest. They are painted, not widgets, so that thousands of rows stay fast; all they do is
also in the row's menu and has a key.
"""

from __future__ import annotations

from enum import Enum
from typing import cast

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QPainter,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
)

from app.ui import icons, theme
from app.ui.pages import library_cells as cells
from app.ui.pages.library_cells import PADDING
from app.ui.pages.library_model import RowFilter
from app.ui.pages.library_rows import Column, Row, is_number, row_at
from app.ui.pages.library_words import state_look
from app.ui.paint import paint_text, row_height, two_lines
from app.ui.painted_list import EDGE, PaintedList
from app.ui.table_rows import Index

ROW_PX = 60
NAME_PX = 184
"""Less than this is too little for a short name and the mark of the built-in model."""
BUTTON = 32

GIVING_WAY = (Column.LICENCE, Column.LAST_USED, Column.CONTEXT, Column.SOURCE, Column.PARAMETERS, Column.SIZE)
"""Columns that are left out where the name has too little room, in this order; the details have them all."""


class RowAction(Enum):
    """A button of a row, with its glyph."""

    CHAT = "chat-circle"
    TRY = "play"
    COMPARE = "scales"
    MAKE = "arrows-in-simple"
    LOOK = "arrow-clockwise"
    FORGET = "eraser"


MAIN_ACTIONS = (RowAction.CHAT, RowAction.TRY, RowAction.LOOK, RowAction.FORGET)
"""Those with words; a row has one of them."""


class ModelList(PaintedList):
    """Emits the row a person chose something for; `menu_asked` also where on the screen. `look_asked`: at all files
    again."""

    details_asked = Signal(object)
    chat_asked = Signal(object)
    try_asked = Signal()
    compare_asked = Signal(object)
    make_asked = Signal(object, QPoint)
    look_asked = Signal()
    forget_asked = Signal(object)
    menu_asked = Signal(object, QPoint)

    def __init__(self, rows: RowFilter) -> None:
        super().__init__(rows, ROW_PX)
        self._rows = rows
        self._hovered_action: RowAction | None = None
        self._marked: frozenset[object] = frozenset()
        self._is_brief = False
        self.setItemDelegate(_RowHeight(self))
        self.setUniformRowHeights(True)
        self.setSortingEnabled(True)
        self.sortByColumn(Column.MODEL, Qt.SortOrder.AscendingOrder)
        self._settle_columns()

    def mark(self, paths: frozenset[object]) -> None:
        """Shows these files as chosen for comparing."""
        self._marked = paths
        self.viewport().update()

    def set_brief(self, is_brief: bool) -> None:
        """Beside details, which have the other buttons, a row has only one."""
        self._is_brief = is_brief
        self._share_room()
        self.viewport().update()

    def current_row(self) -> Row | None:
        return row_at(self.currentIndex())

    def buttons_of(self, row: Row) -> tuple[RowAction, ...]:
        if row.can_try:
            return (RowAction.TRY, RowAction.MAKE)
        if row.state == "gone":
            return (RowAction.FORGET,)
        if row.fault is not None:
            return (RowAction.LOOK,) if row.entry is not None else ()
        if not row.can_chat:
            return ()
        return (RowAction.CHAT,) if self._is_brief else (RowAction.CHAT, RowAction.COMPARE, RowAction.MAKE)

    def button_rect(self, index: Index, action: RowAction) -> QRect:
        """Where a row's button is, in the viewport."""
        area = self.visualRect(QModelIndex(index.sibling(index.row(), Column.ACTIONS)))
        right = area.right() - EDGE + 8
        top = area.center().y() - BUTTON // 2 + 1
        make = QRect(right - BUTTON, top, BUTTON, BUTTON)
        compare = make.translated(-BUTTON - 2, 0)
        if action in MAIN_ACTIONS:
            width = self._words_px(action)
            if action is RowAction.TRY:
                right = make.left()
            elif action is RowAction.CHAT and not self._is_brief:
                right = compare.left()
            return QRect(right - 4 - width, top, width, BUTTON)
        return compare if action is RowAction.COMPARE else make

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_room()

    # Painting

    def drawRow(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = row_at(index)
        if row is None:
            return
        area = self.row_area(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint_ground(painter, area, index)
        if row.fault is not None:
            self._paint_fault(painter, area, index, row)
        else:
            self._paint_cells(painter, index, row)
        for action in self.buttons_of(row):
            self._paint_button(painter, index, row, action)
        painter.restore()

    def _paint_cells(self, painter: QPainter, index: Index, row: Row) -> None:
        for column in Column:
            if self.isColumnHidden(column) or column is Column.ACTIONS:
                continue
            cell = index.sibling(index.row(), column)
            area = self.visualRect(QModelIndex(cell))
            if column is Column.MODEL:
                if row.can_try:  # nothing is measured yet, so the words have the room of the numbers
                    area.setRight(self.button_rect(index, RowAction.TRY).left())
                cells.paint_name(painter, area.adjusted(EDGE, 0, -PADDING, 0), row)
            elif row.can_try:
                continue
            elif column is Column.QUANTIZATION:
                lit = self.is_selected(index) or self.is_hovered(index)
                cells.paint_quantization(painter, area.adjusted(PADDING, 0, 0, 0), row, lit)
            elif column is Column.VERDICT:
                cells.paint_verdict(painter, area.adjusted(PADDING, 0, -PADDING, 0), row)
            else:
                side = Qt.AlignmentFlag.AlignRight if is_number(column) else Qt.AlignmentFlag.AlignLeft
                text = str(cell.data(Qt.ItemDataRole.DisplayRole))
                inside = area.adjusted(PADDING, 0, -PADDING, 0)
                paint_text(painter, inside, text, "body", "text", side | Qt.AlignmentFlag.AlignVCenter)

    def _paint_fault(self, painter: QPainter, area: QRect, index: Index, row: Row) -> None:
        """The state where others have their verdict, and before it what is wrong."""
        assert row.fault is not None
        verdict = self.visualRect(QModelIndex(index.sibling(index.row(), Column.VERDICT)))
        look = state_look(row.state)
        cells.paint_look(
            painter, verdict.adjusted(PADDING, 0, -PADDING, 0), look.glyph, look.colour, look.words
        )
        upper, lower = two_lines(QRect(EDGE, area.top(), verdict.left() - EDGE - PADDING, area.height()))
        paint_text(painter, upper, row.title, "body", "text", strong=True)
        told = " ".join(filter(None, (row.fault.message, row.fault.hint)))
        paint_text(painter, lower, told, "caption", "muted")

    def _paint_button(self, painter: QPainter, index: Index, row: Row, action: RowAction) -> None:
        tokens = theme.current()
        rect = self.button_rect(index, action)
        under_pointer = self.is_hovered(index) and self._hovered_action is action
        painter.setPen(Qt.PenStyle.NoPen)
        if action in MAIN_ACTIONS:
            # A click anywhere on the offer to try does the same, so the button lights up with the row.
            lit = under_pointer or (
                action is RowAction.TRY and self.is_hovered(index) and not self._hovered_action
            )
            self._paint_main_button(painter, rect, action, lit)
            return
        marked = action is RowAction.COMPARE and row.path in self._marked
        if under_pointer or marked:
            painter.setBrush(tokens.colour("accent_soft" if marked else "track"))
            painter.drawRoundedRect(rect, 6, 6)
        colour = tokens.colour("on_accent_soft" if marked else "text" if under_pointer else "muted")
        if action is RowAction.MAKE and not row.can_quantize:
            colour = theme.blend(colour, tokens.colour("surface"), 0.45)
        icons.paint(painter, rect.adjusted(6, 6, -6, -6), action.value, colour)

    def _paint_main_button(self, painter: QPainter, rect: QRect, action: RowAction, lit: bool) -> None:
        tokens = theme.current()
        if lit:
            painter.setBrush(tokens.colour("accent"))
            painter.drawRoundedRect(rect, 6, 6)
        colour = "on_accent" if lit else "accent"
        glyph = QRect(rect.left() + 9, rect.top() + 7, 18, 18)
        icons.paint(painter, glyph, action.value, tokens.colour(colour))
        paint_text(painter, rect.adjusted(33, 0, 0, 0), self._words(action), "body", colour, strong=True)

    # Pointer and keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.current_row()
        buttons = self.buttons_of(row) if row is not None else ()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row is not None and buttons:
            self._do(row, buttons[0] if row.fault is None else None)
            return
        if event.key() == Qt.Key.Key_Space and row is not None and not row.can_try:
            self.details_asked.emit(row)
            return
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index = self.currentIndex()
        row = row_at(index)
        if row is not None:
            keyboard = event.reason() is QContextMenuEvent.Reason.Keyboard
            at = (
                self.viewport().mapToGlobal(self.visualRect(index).center())
                if keyboard
                else event.globalPos()
            )
            self.menu_asked.emit(row, at)

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            index = self.indexAt(event.pos())
            action = self._action_at(index, event.pos())
            if action is not None:
                QToolTip.showText(event.globalPos(), self._tip(action, row_at(index)), self.viewport())
                return True
        return super().viewportEvent(event)

    def make_menu_place(self, row: Row) -> QPoint:
        """Where the menu of a row's "make" button has its upper right corner, on the screen."""
        for number in range(self.model().rowCount()):
            index = self.model().index(number, 0)
            if row_at(index) == row:
                return self.viewport().mapToGlobal(self.button_rect(index, RowAction.MAKE).bottomRight())
        return self.viewport().mapToGlobal(QPoint(0, 0))

    def choose(self, target: object) -> None:
        row, action = cast("tuple[Row, RowAction | None]", target)
        self._do(row, action)

    def _do(self, row: Row, action: RowAction | None) -> None:
        if action is None:
            self.details_asked.emit(row)
        elif action is RowAction.LOOK:
            self.look_asked.emit()
        elif action is RowAction.FORGET:
            self.forget_asked.emit(row)
        elif action is RowAction.CHAT:
            self.chat_asked.emit(row)
        elif action is RowAction.TRY:
            self.try_asked.emit()
        elif action is RowAction.COMPARE:
            self.compare_asked.emit(row)
        else:
            self.make_asked.emit(row, self.make_menu_place(row))

    def target_at(self, point: QPoint) -> tuple[Row, RowAction | None] | None:
        """Of a button what it does, elsewhere the details: None."""
        index = self.indexAt(point)
        row = row_at(index)
        if row is None:
            return None
        return row, self._action_at(index, point) or (RowAction.TRY if row.can_try else None)

    def _action_at(self, index: QModelIndex, point: QPoint) -> RowAction | None:
        row = row_at(index)
        for action in self.buttons_of(row) if row else ():
            if self.button_rect(index, action).contains(point):
                return action
        return None

    def hover(self, point: QPoint) -> None:
        self._hovered_action = self._action_at(self.indexAt(point), point)
        super().hover(point)

    def _tip(self, action: RowAction, row: Row | None) -> str:
        if action is RowAction.CHAT:
            return self.tr("Chat with this model (Enter)")
        if action is RowAction.TRY:
            return self.tr("Make it as Q8_0 and Q4_0 and compare the two (Enter)")
        if action is RowAction.COMPARE:
            return self.tr("Choose for comparing side by side")
        if action is RowAction.LOOK:
            return self.tr("Look at the file again")
        if action is RowAction.FORGET:
            return self.tr("Take it off the list")
        if row is not None and row.built_in:
            return self.tr("Make another quantization of the built-in model…")
        if row is not None and not row.can_quantize:
            return self.tr("Quantizations are made from F32, F16 or BF16 files")
        return self.tr("Make a smaller copy of this model…")

    def _words(self, action: RowAction) -> str:
        return {
            RowAction.CHAT: self.tr("Chat"),
            RowAction.LOOK: self.tr("Look again"),
            RowAction.FORGET: self.tr("Forget"),
        }.get(action) or self.tr("Try it now, offline")

    def _words_px(self, action: RowAction) -> int:
        return 33 + QFontMetrics(theme.font("body", strong=True)).horizontalAdvance(self._words(action)) + 12

    def _settle_columns(self) -> None:
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionsMovable(False)
        header.setSectionsClickable(True)
        header.setMinimumSectionSize(48)
        header.setSectionResizeMode(Column.MODEL, QHeaderView.ResizeMode.Stretch)
        for column in list(Column)[1:]:
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, self._column_px(column))

    def _share_room(self) -> None:
        """The name comes first: where it would have too little room, others are left out."""
        self.header().resizeSection(Column.ACTIONS, self._column_px(Column.ACTIONS))
        lacking = NAME_PX + sum(self._column_px(each) for each in list(Column)[1:]) - self.viewport().width()
        for column in GIVING_WAY:
            gives_way = lacking > 0
            if gives_way:
                lacking -= self._column_px(column)
            if gives_way is not self.isColumnHidden(column):
                self.setColumnHidden(column, gives_way)

    def _column_px(self, column: Column) -> int:
        """Wide enough for the title (in any language) with its sorting mark, and for what is in it."""
        if column is Column.ACTIONS:
            alone = max(self._words_px(each) for each in (RowAction.CHAT, RowAction.LOOK, RowAction.FORGET))
            with_others = self._words_px(RowAction.CHAT) + BUTTON + 2 + BUTTON
            return (alone if self._is_brief else max(alone, with_others)) + 4 + EDGE
        title = str(self._rows.sourceModel().headerData(column, Qt.Orientation.Horizontal))
        return cells.width_of(column, title)


class _RowHeight(QStyledItemDelegate):
    """Gives rows their height; the list itself paints them."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, row_height(ROW_PX, "body", "caption"))
