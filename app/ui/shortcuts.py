"""The page of keyboard shortcuts: all of the table, by where they do what they do, and a field to search in them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.key_table import Deed, Place, all_deeds
from app.ui.parts import icon_button, label

WIDTH_PX, EDGE_PX = 560, 40
_SCROLLING = {
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_PageUp: -8,
    Qt.Key.Key_PageDown: 8,
}


class ShortcutsPanel(QFrame):
    """Lies over the window it belongs to until Esc, and gives the focus back when it goes."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self._before: QWidget | None = None
        self._groups: list[tuple[QWidget, list[tuple[str, tuple[QWidget, ...]]]]] = []
        self.setProperty("role", "panel")
        self.setAccessibleName(_tr("Keyboard shortcuts"))
        self.field = QLineEdit()
        self.field.setPlaceholderText(_tr("Search shortcuts"))
        self.field.setAccessibleName(_tr("Search shortcuts"))
        self.field.textChanged.connect(self._filter)
        self.field.installEventFilter(self)
        self._nothing = label(_tr("Nothing is called that. Try fewer letters."), "muted")
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._close = icon_button("x", _tr("Close (Esc)"), self.close_)
        head = QHBoxLayout()
        head.addWidget(label(_tr("Keyboard shortcuts"), "heading"), 1)
        head.addWidget(self._close)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 12, 12)
        column.setSpacing(12)
        column.addLayout(head)
        column.addWidget(self.field)
        column.addWidget(self._nothing)
        column.addWidget(self._scroll, 1)
        parent.installEventFilter(self)
        self.hide()

    def open(self, pages: Sequence[Deed]) -> None:
        """`pages`: how to get to each page, which only the window knows."""
        if self.isVisible():
            self.field.setFocus()
            return
        self._fill([*pages, *all_deeds()])
        self._before = self.window().focusWidget()
        self.field.clear()
        self._filter("")
        self._place()
        self.show()
        self.raise_()
        self.field.setFocus()

    def close_(self) -> None:
        before, self._before = self._before, None
        self.hide()
        if before is not None and before.isVisible():
            before.setFocus()

    def shown(self) -> list[tuple[str, str]]:
        """Words and keys of each line that is shown."""
        return [
            (parts[0].accessibleName(), parts[1].accessibleName())
            for _, lines in self._groups
            for _, parts in lines
            if not parts[0].isHidden()
        ]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._over:
            if event.type() is QEvent.Type.Resize and self.isVisible():
                self._place()
        elif isinstance(event, QKeyEvent):
            if event.type() is QEvent.Type.ShortcutOverride and event.key() == Qt.Key.Key_Escape:
                event.accept()  # not for the page below
                return True
            if event.type() is QEvent.Type.KeyPress:
                return self._press(event.key())
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._scroll.verticalScrollBar().setSingleStep(theme.px(32))

    def _press(self, key: int) -> bool:
        step = _SCROLLING.get(Qt.Key(key))
        if key == Qt.Key.Key_Escape:
            self.close_()
        elif step is not None:
            bar = self._scroll.verticalScrollBar()
            bar.setValue(bar.value() + step * bar.singleStep())
        else:
            return False
        return True

    def _fill(self, deeds: Sequence[Deed]) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(20)
        self._groups = []
        for place, title in _titles().items():
            group = QWidget()
            grid = QGridLayout(group)
            grid.setContentsMargins(0, 0, 0, 0)
            grid.setHorizontalSpacing(16)
            grid.setVerticalSpacing(8)
            grid.setColumnStretch(0, 1)
            grid.addWidget(label(title, "strong"), 0, 0)
            lines: list[tuple[str, tuple[QWidget, ...]]] = []
            for row, deed in enumerate((each for each in deeds if each.place is place), start=1):
                words, keys = label(deed.text, wrap=True), _keys_of(deed)
                words.setAccessibleName(deed.text)
                grid.addWidget(words, row, 0)
                grid.addWidget(keys, row, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
                said = f"{deed.text} {keys.accessibleName()} {title}".casefold()
                lines.append((said, (words, keys)))
            self._groups.append((group, lines))
            column.addWidget(group)
        column.addStretch()
        self._scroll.setWidget(inside)

    def _filter(self, typed: str) -> None:
        wanted = typed.casefold().split()
        for group, lines in self._groups:
            found = 0
            for said, parts in lines:
                fits = all(word in said for word in wanted)
                found += fits
                for part in parts:
                    part.setVisible(fits)
            group.setVisible(bool(found))
        nothing = not self.shown()
        self._nothing.setVisible(nothing)
        self._scroll.setVisible(not nothing)

    def _place(self) -> None:
        room = self._over.rect()
        width = min(theme.px(WIDTH_PX), room.width() - 2 * EDGE_PX)
        self.setGeometry((room.width() - width) // 2, EDGE_PX, width, room.height() - 2 * EDGE_PX)


def _keys_of(deed: Deed) -> QWidget:
    """Each way to do it as a key that one sees."""
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    texts = deed.shown_keys()
    for text in texts:
        row.addWidget(label(text, "key"))
    made.setAccessibleName(_tr(" or ").join(texts))
    return made


def _titles() -> dict[Place, str]:
    return {
        Place.ANYWHERE: _tr("Anywhere"),
        Place.CHAT: _tr("Chat"),
        Place.WRITING: _tr("While writing a message"),
        Place.COMPARE: _tr("Compare"),
        Place.BLIND: _tr("In a blind test"),
        Place.LIBRARY: _tr("Library"),
        Place.DISCOVER: _tr("Discover"),
    }


def _tr(text: str) -> str:
    return QCoreApplication.translate("Shortcuts", text)
