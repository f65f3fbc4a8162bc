"""Choosing the model of a pane: its name, quantization and size, in the pane's head and in the list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionComboBox,
    QStyleOptionViewItem,
    QWidget,
)

from app.core.units import format_bytes
from app.library import LibraryEntry
from app.ui import guide, theme
from app.ui.parts import plain_tip

ENTRY_ROLE = Qt.ItemDataRole.UserRole
BUILT_IN_ROLE = int(Qt.ItemDataRole.UserRole) + 1
LIST_WIDTH_PX = 400
HEAD_PX = 46


def details_of(entry: LibraryEntry) -> str:
    """`Q4_K_M · 4.92 GB`."""
    size = format_bytes(entry.file_bytes) if entry.file_bytes is not None else ""
    return " · ".join(filter(None, (entry.quantization, size)))


def label_of(entry: LibraryEntry) -> str:
    """How a sentence calls it: `Bard Q4_K_M`."""
    return " ".join(filter(None, (entry.plain_title, entry.quantization)))


class ModelPicker(QComboBox):
    """`picked` comes when the person chose another model, not when the program did."""

    picked = Signal(object)

    def __init__(self, is_built_in: Callable[[Path], bool]) -> None:
        super().__init__()
        self._is_built_in = is_built_in
        self.setProperty("role", "model")
        self.setAccessibleName(self.tr("Model of this pane"))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMaxVisibleItems(16)
        self.setItemDelegate(_Lines(self))
        self.view().setMinimumWidth(LIST_WIDTH_PX)
        self.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.activated.connect(self._activated)
        self._before = -1

    @property
    def entry(self) -> LibraryEntry | None:
        entry = self.currentData(ENTRY_ROLE)
        return entry if isinstance(entry, LibraryEntry) else None

    def set_entries(self, entries: Sequence[LibraryEntry]) -> None:
        """What can be chosen. The choice stays, also where its file is gone: asking it will say so."""
        kept = self.entry
        shown = list(entries)
        if kept is not None and all(entry.path != kept.path for entry in shown):
            shown.append(kept)
        self.clear()
        for entry in shown:
            self.addItem(f"{entry.plain_title} · {details_of(entry)}", entry)
            last = self.count() - 1
            built_in = self._is_built_in(entry.path)
            tip = f"{guide.explanation()}\n{entry.path}" if built_in else str(entry.path)
            self.setItemData(last, plain_tip(tip), Qt.ItemDataRole.ToolTipRole)
            self.setItemData(last, built_in, BUILT_IN_ROLE)
        self.setCurrentIndex(-1)
        if kept is not None:
            self.choose(kept.path)

    def choose(self, path: Path) -> None:
        for index in range(self.count()):
            if self.itemData(index, ENTRY_ROLE).path == path:
                self.setCurrentIndex(index)
                break
        self._before = self.currentIndex()
        entry = self.entry
        tip = f"{label_of(entry)}\n{entry.path}" if entry else self.tr("Choose a model")
        self.setToolTip(plain_tip(tip))

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # turning the wheel over a pane must not change its model

    def sizeHint(self) -> QSize:
        return QSize(240, HEAD_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, HEAD_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = ""
        tokens = theme.current()
        with QPainter(self) as painter:
            self.style().drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option, painter, self)
            inside = self.rect().adjusted(8, 4, -28, -4)
            entry = self.entry
            if entry is None:
                painter.setPen(tokens.colour("muted"))
                painter.drawText(inside, Qt.AlignmentFlag.AlignVCenter, self.tr("Choose a model"))
                return
            half = inside.height() // 2
            _line(
                painter, QRect(inside.topLeft(), QSize(inside.width(), half)), entry.plain_title, strong=True
            )
            below = QRect(inside.left(), inside.top() + half, inside.width(), half)
            mark = guide.badge_text() if self._is_built_in(entry.path) else ""
            details = " · ".join(filter(None, (details_of(entry), mark)))
            _line(painter, below, details, role="caption", colour="muted")

    def _activated(self, index: int) -> None:
        if index != self._before and self.entry is not None:
            self._before = index
            self.choose(self.entry.path)
            self.picked.emit(self.entry)


class _Lines(QStyledItemDelegate):
    """A line of the list: the name on the left, quantization and size in columns on the right."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(LIST_WIDTH_PX, 32)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        entry = index.data(ENTRY_ROLE)
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        tokens = theme.current()
        selected = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        if selected:
            painter.fillRect(rect, tokens.colour("accent_soft"))
        colour = "on_accent_soft" if selected else "text"
        inside = rect.adjusted(12, 0, -12, 0)
        widths = (72, 76)
        name = QRect(inside.left(), inside.top(), inside.width() - sum(widths) - 8, inside.height())
        if index.data(BUILT_IN_ROLE):
            name.setRight(
                guide.paint_badge_behind(painter, name, entry.plain_title, theme.font("body"), colour)
            )
        _line(painter, name, entry.plain_title, colour=colour)
        middle = QRect(inside.right() - sum(widths), inside.top(), widths[0], inside.height())
        _line(painter, middle, entry.quantization or "", role="caption", strong=True, colour=colour)
        right = QRect(inside.right() - widths[1], inside.top(), widths[1], inside.height())
        size = format_bytes(entry.file_bytes) if entry.file_bytes is not None else ""
        muted = colour if selected else "muted"
        _line(painter, right, size, role="caption", colour=muted, align=Qt.AlignmentFlag.AlignRight)
        painter.restore()


def _line(
    painter: QPainter,
    rect: QRect,
    text: str,
    *,
    role: str = "body",
    strong: bool = False,
    colour: str = "text",
    align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
) -> None:
    painter.setFont(theme.font(role, strong=strong))
    painter.setPen(theme.current().colour(colour))
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
    painter.drawText(rect, align | Qt.AlignmentFlag.AlignVCenter, shown)


class Badge(QWidget):
    """The letter of a pane, by which sentences and the memory bar call it."""

    def __init__(self, letter: str) -> None:
        super().__init__()
        self._letter = letter
        self.setFixedSize(24, 24)
        self.setAccessibleName(self.tr("Pane {letter}").format(letter=letter))

    @property
    def letter(self) -> str:
        return self._letter

    def set_letter(self, letter: str) -> None:
        self._letter = letter
        self.setAccessibleName(self.tr("Pane {letter}").format(letter=letter))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tokens.colour("chip"))
            painter.drawEllipse(self.rect())
            painter.setPen(tokens.colour("text"))
            painter.setFont(theme.font("caption", strong=True))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._letter)
