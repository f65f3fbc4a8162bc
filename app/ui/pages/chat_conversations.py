"""The list of conversations: title, model and when it was last used, newest first."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QCoreApplication,
    QDateTime,
    QEvent,
    QLocale,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPen,
)
from PySide6.QtWidgets import (
    QLineEdit,
    QListView,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from app.ui import icons, theme
from app.ui.paint import row_height
from app.ui.parts import plain_tip

Index = QModelIndex | QPersistentModelIndex

ROW_PX = 56
EDGE_PX = 12
BUTTON_PX = 28
MINUTE_MS = 60_000


@dataclass(frozen=True)
class Line:
    """One conversation of the list, or a `message` of one that was found; then `model` is what was found. `used_at` in
    seconds since 1970; `busy`: it is being answered."""

    id: int
    title: str
    model: str
    used_at: float
    busy: bool = False
    is_pinned: bool = False
    is_archived: bool = False
    message: int | None = None


class LineModel(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.lines: list[Line] = []

    def set_lines(self, lines: Sequence[Line]) -> None:
        self.beginResetModel()
        self.lines = list(lines)
        self.endResetModel()

    def flags(self, index: Index) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line = self.lines[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return line.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join((line.title, line.model, relative_time(line.used_at)))
        return None


class ConversationList(QListView):
    """Emits ids. A click or Enter chooses; the bin of a row, Delete or its menu asks for deletion, and the menu for all
    else. `message_chosen` where a message was found; `rename_asked` carries the new title, perhaps none."""

    chosen = Signal(int)
    message_chosen = Signal(int)
    delete_asked = Signal(int)
    rename_asked = Signal(int, str)
    pin_asked = Signal(int)
    archive_asked = Signal(int)
    copy_asked = Signal(int)
    export_asked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._lines = LineModel(self)
        self._hovered = -1
        self._on_bin = False
        self._pressed: tuple[int, bool] | None = None
        self.fill_compare_menu: Callable[[QMenu, int], object] = lambda menu, conversation: None
        """Adds the ways to compare a conversation."""
        self.setModel(self._lines)
        self.setItemDelegate(_Painter(self))
        self.setAccessibleName(self.tr("Conversations"))
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        # "5 minutes ago" gets older.
        self._clock = QTimer(self)
        self._clock.setInterval(MINUTE_MS)
        self._clock.timeout.connect(self.viewport().update)
        self._clock.start()

    @property
    def lines(self) -> Sequence[Line]:
        return self._lines.lines

    def show_lines(self, lines: Sequence[Line], current: int | None) -> None:
        """`current`: the conversation that is open."""
        if list(lines) != self._lines.lines:
            at = self.verticalScrollBar().value()
            self._lines.set_lines(lines)
            self.verticalScrollBar().setValue(at)
        row = next((number for number, line in enumerate(lines) if line.id == current), -1)
        self.setCurrentIndex(self._lines.index(row, 0) if row >= 0 else QModelIndex())

    def bin_rect(self, row: int) -> QRect:
        """Where the button that deletes a row is, in the viewport."""
        area = self.visualRect(self._lines.index(row, 0))
        return QRect(area.right() - BUTTON_PX - 8, area.center().y() - BUTTON_PX // 2, BUTTON_PX, BUTTON_PX)

    def shows_bin(self, row: int) -> bool:
        return row == self._hovered

    def is_on_bin(self) -> bool:
        return self._on_bin

    # Pointer and keys

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(event.position().toPoint())

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hover(QPoint(-1, -1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if event.button() is Qt.MouseButton.LeftButton:
            self._pressed = self._target(event.position().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, self._pressed = self._pressed, None
        point = event.position().toPoint()
        if pressed is not None and pressed == self._target(point):
            identity, on_bin = pressed
            line = self._line(self.indexAt(point))
            if on_bin:
                self.delete_asked.emit(identity)
            elif line is not None:
                self._choose(line)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # What a title's editor leaves of its keys is not for the list.
        is_editing = self.state() is QListView.State.EditingState
        line = None if is_editing else self._line(self.currentIndex())
        if line is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._choose(line)
        elif line is not None and event.key() == Qt.Key.Key_F2:
            self.edit(self.currentIndex())
        elif line is not None and event.matches(QKeySequence.StandardKey.Delete):
            self.delete_asked.emit(line.id)
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_keys = event.reason() is QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_keys else self.indexAt(event.pos())
        line = self._line(index)
        if line is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Open"), lambda: self._choose(line))
        menu.addAction(
            self.tr("Rename\tF2"), lambda: self.edit(self._lines.index(self._lines.lines.index(line), 0))
        )
        for text, signal in (
            (self.tr("Unpin") if line.is_pinned else self.tr("Pin"), self.pin_asked),
            (self.tr("Duplicate"), self.copy_asked),
            (self.tr("Put back") if line.is_archived else self.tr("Archive"), self.archive_asked),
            (self.tr("Export…"), self.export_asked),
            (self.tr("Delete\tDel"), self.delete_asked),
        ):
            if signal is self.export_asked:
                self.fill_compare_menu(menu, line.id)
            menu.addAction(text, partial(signal.emit, line.id))
        menu.popup(
            self.viewport().mapToGlobal(self.visualRect(index).center()) if by_keys else event.globalPos()
        )

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            line = self._line(self.indexAt(event.pos()))
            if line is not None:
                tip = self.tr("Delete this conversation (Del)") if self._on_bin else _tip(line)
                QToolTip.showText(event.globalPos(), tip, self.viewport())
                return True
        return super().viewportEvent(event)

    def _choose(self, line: Line) -> None:
        if line.message is None:
            self.chosen.emit(line.id)
        else:
            self.message_chosen.emit(line.message)

    def _line(self, index: QModelIndex) -> Line | None:
        return self._lines.lines[index.row()] if index.isValid() else None

    def _target(self, point: QPoint) -> tuple[int, bool] | None:
        index = self.indexAt(point)
        line = self._line(index)
        return None if line is None else (line.id, self.bin_rect(index.row()).contains(point))

    def _hover(self, point: QPoint) -> None:
        target = self._target(point) if self.viewport().rect().contains(point) else None
        self._hovered = self.indexAt(point).row() if target else -1
        self._on_bin = bool(target and target[1])
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if target else Qt.CursorShape.ArrowCursor)
        self.viewport().update()


class _Painter(QStyledItemDelegate):
    """Paints a row; the list says which has the pointer."""

    def __init__(self, parent: ConversationList) -> None:
        super().__init__(parent)
        self._list = parent

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, row_height(ROW_PX, "body", "caption"))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        line = self._list.lines[index.row()]
        tokens = theme.current()
        area = option.rect.adjusted(0, 1, 0, -1)
        current = index.row() == self._list.currentIndex().row()
        hovered = self._list.shows_bin(index.row())
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if current or hovered:
            painter.setBrush(tokens.colour("accent_soft" if current else "hover"))
            painter.drawRoundedRect(area, 8, 8)
        if current and self._list.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(tokens.colour("accent"), 2))
            painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), 8, 8)
        room = BUTTON_PX + 8 if hovered else 0
        self._paint_words(painter, area.adjusted(EDGE_PX, 0, -EDGE_PX - room, 0), line, current)
        if hovered:
            self._paint_bin(painter, self._list.bin_rect(index.row()))
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        field = QLineEdit(parent)
        field.setAccessibleName(_tr("Title"))
        field.setToolTip(_tr("Empty: named by its first message again"))
        return field

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        line = self._list.lines[index.row()]
        assert isinstance(editor, QLineEdit)
        if editor.text().strip() != line.title:
            # Later: whoever hears of it makes the list anew, which the editor is still in.
            QTimer.singleShot(0, self, partial(self._list.rename_asked.emit, line.id, editor.text()))

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        editor.setGeometry(option.rect.adjusted(2, 8, -2, -8))

    def _paint_words(self, painter: QPainter, area: QRect, line: Line, current: bool) -> None:
        colours = theme.current()
        title_font, caption_font = theme.font("body", strong=current), theme.font("caption")
        upper = QFontMetrics(title_font).height()
        lower = QFontMetrics(caption_font).height()
        top = area.center().y() - (upper + 3 + lower) // 2
        title = QRect(area.left(), top, area.width(), upper)
        caption = QRect(area.left(), top + upper + 3, area.width(), lower)
        ink = "on_accent_soft" if current else "text"
        if line.is_pinned:
            icons.paint(
                painter, QRect(title.left(), title.top(), upper, upper), "push-pin", colours.colour(ink)
            )
            title.setLeft(title.left() + upper + 4)
        painter.setFont(title_font)
        painter.setPen(colours.colour(ink))
        painter.drawText(title, Qt.AlignmentFlag.AlignVCenter, _elided(line.title, title_font, title.width()))
        painter.setFont(caption_font)
        when = _tr("answering…") if line.busy else relative_time(line.used_at)
        when_px = QFontMetrics(caption_font).horizontalAdvance(when)
        painter.setPen(colours.colour("accent" if line.busy else "on_accent_soft" if current else "muted"))
        painter.drawText(caption, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, when)
        painter.setPen(colours.colour("on_accent_soft" if current else "muted"))
        model = _elided(line.model, caption_font, caption.width() - when_px - 12)
        painter.drawText(caption, Qt.AlignmentFlag.AlignVCenter, model)

    def _paint_bin(self, painter: QPainter, rect: QRect) -> None:
        colours = theme.current()
        if self._list.is_on_bin():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.colour("danger_soft"))
            painter.drawRoundedRect(rect, 6, 6)
        colour = colours.colour("danger" if self._list.is_on_bin() else "muted")
        icons.paint(painter, rect.adjusted(5, 5, -5, -5), "trash", colour)


def relative_time(then: float, now: float | None = None) -> str:
    """`Now`, `5 min ago`, `14:05`, `Yesterday`, `Monday`, `12 Mar`, `12 Mar 2024`; `then` in seconds since 1970."""
    now = time.time() if now is None else now
    age = now - then
    if age < 60:
        return _tr("Now")
    if age < 3600:
        return _tr("{n} min ago").format(n=int(age // 60))
    day, today = datetime.fromtimestamp(then), datetime.fromtimestamp(now)
    days = (today.date() - day.date()).days
    locale = QLocale()
    if days == 0:
        return locale.toString(QDateTime.fromSecsSinceEpoch(int(then)).time(), QLocale.FormatType.ShortFormat)
    if days == 1:
        return _tr("Yesterday")
    if days < 7:
        return locale.standaloneDayName(day.isoweekday(), QLocale.FormatType.LongFormat)
    month = locale.standaloneMonthName(day.month, QLocale.FormatType.ShortFormat)
    return f"{day.day} {month}" if day.year == today.year else f"{day.day} {month} {day.year}"


def _tip(line: Line) -> str:
    when = QLocale().toString(QDateTime.fromSecsSinceEpoch(int(line.used_at)), QLocale.FormatType.ShortFormat)
    return plain_tip(f"{line.title}\n{line.model}\n{when}")


def _elided(text: str, font: Any, width: int) -> str:
    return QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, width)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
