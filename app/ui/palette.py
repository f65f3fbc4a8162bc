"""The command palette: whatever can be done or opened, found by a few letters and run by Enter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.ui import theme
from app.ui.fuzzy import fit
from app.ui.paint import row_height

Index = QModelIndex | QPersistentModelIndex

ROW_PX = 40
WIDTH_PX = 600
ROWS = 9
MOST = 100
"""More than that nobody walks through; typing one more letter is shorter."""


@dataclass(frozen=True)
class Entry:
    """`kind` says what it is ("Conversation"), `keys` the shortcut as the system writes it."""

    text: str
    kind: str
    run: Callable[[], object]
    keys: str = ""


class Palette(QFrame):
    """Lies over the window it belongs to while a person chooses; gives the focus back when it goes."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self._entries: list[tuple[str, Entry]] = []
        self._before: QWidget | None = None
        self.setProperty("role", "palette")
        self.field = QLineEdit()
        self.field.setPlaceholderText(self.tr("What do you want to do or open?"))
        self.field.setAccessibleName(self.tr("Command palette"))
        self.field.textChanged.connect(self._filter)
        self.field.installEventFilter(self)
        self._found = _Found(self)
        self.list = QListView()
        self.list.setAccessibleName(self.tr("What was found"))
        self.list.setModel(self._found)
        self.list.setItemDelegate(_Painter(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.clicked.connect(self._run)
        self._nothing = QLabel(self.tr("Nothing is called that. Try fewer letters."))
        self._nothing.setProperty("role", "caption")
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(8)
        column.addWidget(self.field)
        column.addWidget(self.list, 1)
        column.addWidget(self._nothing, 1)
        self.hide()

    @property
    def found(self) -> Sequence[Entry]:
        return self._found.entries

    def open(self, entries: Sequence[Entry]) -> None:
        """In the order in which they are shown while nothing is typed."""
        self._entries = [(entry.text.casefold(), entry) for entry in entries]
        self._before = self.window().focusWidget()
        self.field.clear()
        self._filter("")
        self.show()
        self.raise_()
        self.field.setFocus()

    def renew(self, entries: Sequence[Entry]) -> None:
        """There is more to choose from, or less, while it is open; what was typed and chosen stays."""
        chosen = self.list.currentIndex().row()
        before = self.found[chosen].text if 0 <= chosen < len(self.found) else ""
        self._entries = [(entry.text.casefold(), entry) for entry in entries]
        self._filter(self.field.text())
        row = next((row for row, entry in enumerate(self.found) if entry.text == before), 0)
        self._choose(row)

    def close_(self) -> None:
        before, self._before = self._before, None
        self.hide()
        if before is not None and before.isVisible():
            before.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.FocusOut and self.isVisible():
            self.hide()  # whoever took the focus keeps it
        if isinstance(event, QKeyEvent):
            if event.type() is QEvent.Type.ShortcutOverride and event.key() == Qt.Key.Key_Escape:
                event.accept()  # it closes the palette, whatever the page below does at Escape
                return True
            if event.type() is QEvent.Type.KeyPress:
                return self._press(event.key())
        return super().eventFilter(watched, event)

    def _press(self, key: int) -> bool:
        steps = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -ROWS, Qt.Key.Key_PageDown: ROWS}
        if key == Qt.Key.Key_Escape:
            self.close_()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._run(self.list.currentIndex())
        elif (step := steps.get(Qt.Key(key))) is not None:
            last = len(self.found) - 1
            self._choose(min(max(self.list.currentIndex().row() + step, 0), last))
        else:
            return key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab)  # nothing else here takes the keyboard
        return True

    def _filter(self, typed: str) -> None:
        query = " ".join(typed.casefold().split())
        fits = ((fit(query, name), place) for place, (name, _) in enumerate(self._entries))
        best = (
            nsmallest(MOST, ((-score, place) for score, place in fits if score is not None))
            if query
            else None
        )
        places = [place for _, place in best] if best is not None else range(min(MOST, len(self._entries)))
        self._found.show([self._entries[place][1] for place in places])
        self.list.setVisible(bool(self.found))
        self._nothing.setVisible(not self.found)
        self._choose(0)
        self._fit()

    def _fit(self) -> None:
        """As high as what was found, as far as there is room."""
        rows, row_px = min(max(len(self.found), 1), ROWS), row_height(ROW_PX, "body")
        frame = self.layout()
        assert frame is not None
        around_px = self.field.sizeHint().height() + frame.spacing() + 2 * frame.contentsMargins().top() + 4
        room = self._over.rect()
        width = min(theme.px(WIDTH_PX), room.width() - 80)
        height = min(rows * row_px + around_px, room.height() - 120)
        self.setGeometry((room.width() - width) // 2, 60, width, height)

    def _choose(self, row: int) -> None:
        index = self._found.index(row, 0)
        self.list.setCurrentIndex(index)
        self.list.scrollTo(index)

    def _run(self, index: Index) -> None:
        if index.isValid():
            entry = self.found[index.row()]
            self.close_()
            entry.run()


class _Found(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.entries: list[Entry] = []

    def show(self, entries: list[Entry]) -> None:
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        entry = self.entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(part for part in (entry.text, entry.kind, entry.keys) if part)
        if role == Qt.ItemDataRole.UserRole:
            return entry
        return None


class _Painter(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, row_height(ROW_PX, "body"))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        entry: Entry = index.data(Qt.ItemDataRole.UserRole)
        view = option.widget
        current = isinstance(view, QListView) and view.currentIndex().row() == index.row()
        colours = theme.current()
        body, caption = theme.font("body"), theme.font("caption")
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if current:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.colour("accent_soft"))
            painter.drawRoundedRect(option.rect.adjusted(0, 1, 0, -1), 8, 8)
        area = option.rect.adjusted(12, 0, -12, 0)
        aside = entry.keys or entry.kind
        aside_px = QFontMetrics(caption).horizontalAdvance(aside)
        painter.setFont(caption)
        painter.setPen(colours.colour("on_accent_soft" if current else "muted"))
        painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, aside)
        room = QRect(area.left(), area.top(), area.width() - aside_px - 16, area.height())
        text = QFontMetrics(body).elidedText(entry.text, Qt.TextElideMode.ElideRight, room.width())
        painter.setFont(body)
        painter.setPen(colours.colour("on_accent_soft" if current else "text"))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()
