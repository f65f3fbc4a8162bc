"""What is searched for on the Hub: words, and what narrows them down."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from app.ui.giving_way import GivingWay
from app.ui.pages.hub_words import LICENCES
from app.ui.parts import button, icon_button, label, let_clear, with_keys

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.hub import Search

SIZES = tuple(int(billions * 1e9) for billions in (0.5, 1, 2, 4, 7, 9, 13, 15, 24, 35, 72, 130, 250))
"""Parameters to choose a range from: between the sizes that models are usually published in."""


class SearchBar(QWidget):
    """`asked` carries the words when a person wants an answer, `narrowed` comes when anything else is chosen;
    `list_asked`: the keyboard is to go on in the list."""

    asked = Signal(str)
    narrowed = Signal()
    closed = Signal()
    list_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.words = QLineEdit()
        let_clear(self.words)
        self.words.setMaxLength(300)
        self.words.setMinimumWidth(160)
        self.words.setMaximumWidth(520)
        self.words.setPlaceholderText(_tr("Words, owner/name, or a model's address"))
        self.words.setAccessibleName(_tr("Search Hugging Face"))
        self.words.installEventFilter(self)
        self.sort = _choices(
            _tr("Sort by"),
            (
                (_tr("Trending"), "trending"),
                (_tr("Most downloads"), "downloads"),
                (_tr("Most likes"), "likes"),
                (_tr("Changed last"), "changed"),
                (_tr("Newest"), "new"),
            ),
        )
        counts = [(f"{size / 1e9:g} B", size) for size in SIZES]
        self.least = _choices(
            _tr("Fewest parameters"), [(_tr("Any size"), None), *_put(_tr("from {n}"), counts)]
        )
        self.most = _choices(_tr("Most parameters"), [(_tr("and up"), None), *_put(_tr("to {n}"), counts)])
        self.licence = _choices(
            _tr("Licence"), [(_tr("Any licence"), ""), *((name, tag) for tag, name in LICENCES.items())]
        )
        self.author = QLineEdit()
        self.author.setMaxLength(96)
        let_clear(self.author)
        self.author.setPlaceholderText(_tr("Author"))
        self.author.setAccessibleName(_tr("Author: whose models, such as unsloth"))
        self.author.setToolTip(_tr("Whose models, such as unsloth"))
        self.author.setMinimumWidth(72)
        self.author.setMaximumWidth(160)
        self.has_gguf = QCheckBox(_tr("Has GGUF"))
        self.has_gguf.setToolTip(_tr("Only repositories with files that run as they are"))
        self.has_gguf.setChecked(True)
        self._author = ""
        self._lay_out()
        for choice in (self.sort, self.least, self.most, self.licence):
            choice.activated.connect(self.narrowed)
        self.has_gguf.clicked.connect(self.narrowed)
        self.author.editingFinished.connect(self._take_author)
        self.author.textChanged.connect(lambda text: None if text else self._take_author())

    def wish(self) -> Search:
        """What is searched for now."""
        from app.hub import Search

        least, most = self.least.currentData(), self.most.currentData()
        if least is not None and most is not None and least > most:
            least, most = most, least
        return Search(
            words=self.words.text().strip(),
            author=self.author.text().strip(),
            licence=self.licence.currentData(),
            sort=self.sort.currentData(),
            least_parameters=least,
            most_parameters=most,
            has_gguf=self.has_gguf.isChecked(),
        )

    def clear_filters(self) -> None:
        """All but the words."""
        for choice in (self.least, self.most, self.licence):
            choice.setCurrentIndex(0)
        self.has_gguf.setChecked(False)
        self._author = ""
        self.author.clear()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.asked.emit(self.words.text())
                return True
            if event.key() == Qt.Key.Key_Down:
                self.list_asked.emit()
                return True
            if event.key() == Qt.Key.Key_Escape and self.words.text():
                self.words.clear()
                return True
        return super().eventFilter(watched, event)

    def _take_author(self) -> None:
        if self.author.text().strip() != self._author:
            self._author = self.author.text().strip()
            self.narrowed.emit()

    def _lay_out(self) -> None:
        keys = QKeySequence(Qt.Key.Key_Escape)
        name = _tr("Back to the catalogue")
        above = QWidget()
        first = QHBoxLayout(above)
        first.setContentsMargins(0, 0, 0, 0)
        first.setSpacing(8)
        first.addWidget(icon_button("arrow-left", name, self.closed.emit, tip=with_keys(name, keys)))
        first.addWidget(label(_tr("Hugging Face"), "title"))
        first.addSpacing(8)
        first.addWidget(self.words, 1)
        search = button(_tr("Search"), lambda: self.asked.emit(self.words.text()), glyph="magnifying-glass")
        first.addWidget(search)
        first.addSpacing(4)
        first.addWidget(self.has_gguf)
        first.addStretch()
        GivingWay(above, (search,))
        second = QHBoxLayout()
        second.setSpacing(8)
        second.addWidget(label(_tr("Sort"), "muted"))
        for part in (self.sort, self.least, self.most, self.licence):
            second.addWidget(part)
        second.addWidget(self.author, 1)
        second.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(above)
        column.addLayout(second)


def _put(text: str, counts: Iterable[tuple[str, int]]) -> list[tuple[str, object]]:
    return [(text.format(n=count), size) for count, size in counts]


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


def _tr(text: str) -> str:
    return QCoreApplication.translate("HubPage", text)
