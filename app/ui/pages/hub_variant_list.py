"""The list of a repository's files: paints its rows; each has a button for what can be done with it, which Enter
presses, too."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStyleOptionViewItem

from app.ui import icons, theme
from app.ui.pages import discover_words
from app.ui.pages.discover_getting import Offer, longest_words
from app.ui.pages.hub_painting import PADDING, ROUNDING_PX, RowHeight, paint_verdict, verdict_px
from app.ui.pages.hub_variant_rows import (
    CAPTION_ROLE,
    Column,
    VariantRow,
    VariantRows,
    alignment,
    bases,
    row_at,
    titles,
)
from app.ui.paint import paint_arrived, paint_text, row_height, two_lines
from app.ui.painted_list import EDGE, PaintedList
from app.ui.table_rows import Index

ROW_PX = 56
TITLE_ROW_PX = 40
BUTTON_PX = 32
LABEL_PX = 190
"""Less than this is too little for most labels and what they mean."""


class VariantList(PaintedList):
    """`button_pressed` carries the row whose button a person presses, `chosen` the row that is looked at."""

    button_pressed = Signal(object)
    chosen = Signal(object)

    def __init__(self, rows: VariantRows) -> None:
        super().__init__(rows, ROW_PX)
        self._hovers_button = False
        self.setAccessibleName(_tr("Files of the repository"))
        self.setItemDelegate(RowHeight(self, _row_px))
        self.selectionModel().currentChanged.connect(lambda index, _: self.chosen.emit(row_at(index)))
        self._settle_columns()

    def current_row(self) -> VariantRow | None:
        return row_at(self.currentIndex())

    def show_label(self, label: str) -> None:
        """Selects the variant of this label and scrolls to it."""
        for number in range(self.model().rowCount()):
            index = self.model().index(number, 0)
            row = row_at(index)
            if row is not None and row.variant is not None and row.variant.label == label:
                self.setCurrentIndex(index)
                self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
                return

    def button_rect(self, index: Index) -> QRect:
        """Where a row's button is, in the viewport."""
        area = self.visualRect(QModelIndex(index.sibling(index.row(), Column.ACTION)))
        top = area.center().y() - BUTTON_PX // 2 + 1
        return QRect(area.left(), top, _button_px(), BUTTON_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._settle_columns()
        others = sum(self._column_px(column) for column in list(Column)[1:])
        self.setColumnHidden(Column.IN_USE, self.viewport().width() - others < LABEL_PX)

    def drawRow(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = row_at(index)
        if row is None:
            return
        area = self.row_area(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if row.variant is None:
            words = area.adjusted(EDGE, 8, -EDGE, 0)
            paint_text(painter, words, row.title, "caption", "muted", strong=True)
        else:
            self.paint_ground(painter, area, index)
            self._paint_cells(painter, index, row)
        painter.restore()

    def _paint_cells(self, painter: QPainter, index: Index, row: VariantRow) -> None:
        for column in (Column.FILE, Column.SIZE, Column.IN_USE, Column.VERDICT):
            if self.isColumnHidden(column):
                continue
            cell = index.sibling(index.row(), column)
            place = self.visualRect(QModelIndex(cell))
            place = place.adjusted(EDGE if column is Column.FILE else PADDING, 0, -PADDING, 0)
            caption = str(cell.data(CAPTION_ROLE))
            if column is Column.VERDICT:
                if row.judgement is not None:
                    paint_verdict(painter, place, row.judgement.fit.verdict, caption)
                continue
            upper, lower = two_lines(place)
            side = alignment(column) | Qt.AlignmentFlag.AlignVCenter
            strong = column is Column.FILE
            paint_text(painter, upper, str(cell.data()), "body", "text", side, strong=strong)
            is_warning = column is Column.FILE and not row.is_whole
            paint_text(painter, lower, caption, "caption", "warning" if is_warning else "muted", side)
        if row.has_button:
            self._paint_button(painter, index, row.offer)

    def _paint_button(self, painter: QPainter, index: Index, offer: Offer) -> None:
        tokens = theme.current()
        rect = self.button_rect(index)
        lit = self.is_hovered(index) and self._hovers_button
        painter.setPen(Qt.PenStyle.NoPen)
        if lit:
            painter.setBrush(tokens.colour("accent"))
            painter.drawRoundedRect(rect, 6, 6)
        colour = "on_accent" if lit else "accent" if offer.is_action else "text"
        glyph = QRect(rect.left() + 9, rect.top() + 7, 18, 18)
        icons.paint(painter, glyph, offer.glyph, tokens.colour(colour))
        paint_text(painter, rect.adjusted(33, 0, 0, 0), offer.words, "body", colour, strong=True)
        if offer.file is None and offer.getting is not None and offer.getting.fraction < 1:
            paint_arrived(painter, rect, offer.getting.fraction)

    # Pointer and keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row = self.current_row()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row is not None and row.has_button:
            self.button_pressed.emit(row)
            return
        super().keyPressEvent(event)

    def target_at(self, point: QPoint) -> object:
        index = self.indexAt(point)
        row = row_at(index)
        if row is None or not row.has_button or not self.button_rect(index).contains(point):
            return None
        return index.row()  # what the button does may change while it is pressed

    def choose(self, target: object) -> None:
        assert isinstance(target, int)
        self.button_pressed.emit(row_at(self.model().index(target, 0)))

    def hover(self, point: QPoint) -> None:
        self._hovers_button = self.target_at(point) is not None
        super().hover(point)

    # Columns

    def _settle_columns(self) -> None:
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionsMovable(False)
        header.setSectionsClickable(False)
        header.setMinimumSectionSize(48)
        header.setSectionResizeMode(Column.FILE, QHeaderView.ResizeMode.Stretch)
        for column in list(Column)[1:]:
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, self._column_px(column))

    def _column_px(self, column: Column) -> int:
        """Wide enough for its title and whatever may stand in it, in any language."""
        body, caption = QFontMetrics(theme.font("body")), QFontMetrics(theme.font("caption"))
        title = caption.horizontalAdvance(titles()[column])
        match column:
            case Column.ACTION:
                return _button_px() + EDGE
            case Column.VERDICT:
                return verdict_px()
            case Column.SIZE:
                widest = caption.horizontalAdvance(_tr("{bits:.2f} bits per weight").format(bits=16))
            case _:
                used = discover_words.used_of(99_900_000_000, 99_900_000_000)
                widest = max(body.horizontalAdvance(used), *map(caption.horizontalAdvance, bases()))
        return max(title, widest) + ROUNDING_PX + 2 * PADDING


def _button_px() -> int:
    metrics = QFontMetrics(theme.font("body", strong=True))
    return 33 + max(map(metrics.horizontalAdvance, longest_words())) + 12


def _row_px(index: Index) -> int:
    row = row_at(index)
    is_title = row is not None and row.variant is None
    return row_height(TITLE_ROW_PX, "body") if is_title else row_height(ROW_PX, "body", "caption")


def _tr(text: str) -> str:
    return QCoreApplication.translate("HubPage", text)
