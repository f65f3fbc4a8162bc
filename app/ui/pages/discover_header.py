"""The top of Discover: the search, and what the list is made for and sorted by."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from app.ui import icons, theme
from app.ui.pages.discover_rows import Order
from app.ui.pages.discover_words import CONTEXTS, USUAL_CONTEXT, context_name, use_names
from app.ui.parts import button, label, let_clear

ROOM_FOR_BUTTON_PX = 1000
"""With less, the button that searches the Hub is a glyph in the field."""


class Header(QWidget):
    """`context_chosen` carries tokens, `use_chosen` a use of the catalogue or nothing, `order_chosen` an Order,
    `hub_asked` the words to look for on the Hub; `list_asked`: the keyboard is to go on in the list."""

    context_chosen = Signal(int)
    use_chosen = Signal(str)
    order_chosen = Signal(object)
    list_asked = Signal()
    hub_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.search = QLineEdit()
        let_clear(self.search)
        theme.follow(self.search, lambda: self.search.setMinimumWidth(theme.px(120)))
        self.search.setMaximumWidth(320)
        self.search.installEventFilter(self)
        self.hub = button(self.tr("Search Hugging Face"), self._ask_hub, glyph="globe-hemisphere-west")
        tip = self.tr("Search all of Hugging Face for these words (Enter)")
        self.hub.setToolTip(tip)
        self._hub_in_field = self.search.addAction(
            icons.icon("globe-hemisphere-west"), QLineEdit.ActionPosition.TrailingPosition
        )
        self._hub_in_field.setToolTip(tip)
        self._hub_in_field.triggered.connect(self._ask_hub)
        self.show_count(0)
        self.use = _choices(
            self.tr("Good for"),
            [(self.tr("Any use"), ""), *((name, use) for use, name in use_names().items())],
        )
        self.use.activated.connect(lambda: self.use_chosen.emit(self.use.currentData()))
        self.context = _choices(
            self.tr("Context"), ((context_name(context), context) for context in CONTEXTS)
        )
        self.context.setToolTip(
            self.tr("How long a conversation may get, in tokens (1k = 1024); more takes more memory")
        )
        self.show_context(USUAL_CONTEXT)
        self.context.activated.connect(lambda: self.context_chosen.emit(self.context.currentData()))
        self.order = _choices(
            self.tr("Sort by"),
            (
                (self.tr("Best for you"), Order.BEST),
                (self.tr("Name"), Order.NAME),
                (self.tr("Smallest file"), Order.SIZE),
                (self.tr("Fastest"), Order.SPEED),
                (self.tr("Newest"), Order.AGE),
            ),
        )
        self.order.activated.connect(lambda: self.order_chosen.emit(self.order.currentData()))
        self._choices = QWidget()
        choices = QHBoxLayout(self._choices)
        choices.setContentsMargins(0, 0, 0, 0)
        choices.setSpacing(8)
        choices.addWidget(self.use)
        choices.addSpacing(8)
        choices.addWidget(label(self.tr("Context"), "muted"))
        choices.addWidget(self.context)
        choices.addSpacing(8)
        choices.addWidget(label(self.tr("Sort"), "muted"))
        choices.addWidget(self.order)
        self._row = QHBoxLayout()
        self._row.setSpacing(8)
        self._title = label(self.tr("Discover"), "title")
        self._row.addWidget(self._title)
        self._row.addSpacing(8)
        self._row.addWidget(self.search, 1)
        self._row.addWidget(self.hub)
        self._row.addStretch()
        self._row.addWidget(self._choices)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(12)
        self._column.addLayout(self._row)

    def show_count(self, models: int) -> None:
        """How many there are to search."""
        words = self.tr("Search {n} models").format(n=models) if models else self.tr("Search models")
        self.search.setPlaceholderText(words)
        self.search.setAccessibleName(words)

    def show_context(self, context: int) -> None:
        self.context.setCurrentIndex(self.context.findData(context))

    def clear(self) -> None:
        """Neither words nor a use."""
        self.search.clear()
        self.use.setCurrentIndex(0)
        self.use_chosen.emit("")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        has_room = self.width() >= theme.px(ROOM_FOR_BUTTON_PX)
        self.hub.setVisible(has_room)
        self._hub_in_field.setVisible(not has_room)
        self._place_choices()

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.LayoutRequest:  # as when text has got another size
            self._place_choices()
        return super().event(event)

    def _place_choices(self) -> None:
        """Beside the search, or below it where a word would have to be shortened."""
        title = self._title.sizeHint().width()
        hub = self.hub.sizeHint().width() if not self.hub.isHidden() else 0
        needed = title + self.search.minimumWidth() + hub + self._choices.sizeHint().width() + 6 * 8
        below = needed > self.width()
        if below == (self._column.count() == 2):
            return
        if below:
            self._row.removeWidget(self._choices)
            self._column.addWidget(self._choices, 0, Qt.AlignmentFlag.AlignLeft)
        else:
            self._column.removeWidget(self._choices)
            self._row.addWidget(self._choices)

    def _ask_hub(self) -> None:
        self.hub_asked.emit(self.search.text())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Down:
                self.list_asked.emit()
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._ask_hub()
                return True
            if event.key() == Qt.Key.Key_Escape and self.search.text():
                self.search.clear()
                return True
        return super().eventFilter(watched, event)


def _choices(name: str, choices: Iterable[tuple[str, object]]) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(name)
    made.setToolTip(name)
    for text, value in choices:
        made.addItem(text, value)
    made.setMinimumWidth(64)  # a long word is shortened before the page gets wider than the window
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    return made
