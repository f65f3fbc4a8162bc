"""Above the field, where a message does not fit into the context: by how much, and what can be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.ui.parts import Glyph, button, empty, label


@dataclass(frozen=True)
class WayOut:
    """A button, and in a sentence what comes of it."""

    text: str
    sentence: str
    glyph: str
    run: Callable[[], object]


class TooLongPanel(QFrame):
    """Hidden while everything fits."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "notice-warning")
        self.buttons: list[QPushButton] = []
        self._shown: tuple[object, ...] = ()
        self._words = label("", "strong", wrap=True)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(Glyph("warning", "warning", 16), 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self._words, 1)
        self._ways = QWidget()
        self._grid = QGridLayout(self._ways)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self._ways)
        self.hide()

    @property
    def text(self) -> str:
        return self._words.text()

    def show_ways(self, tokens: int, left: int, *, is_exact: bool, ways: Sequence[WayOut]) -> None:
        words = _tr("This does not fit: {tokens} tokens, and {left:,} are left of the context.").format(
            tokens=f"{tokens:,}" if is_exact else _tr("about {n:,}").format(n=tokens), left=left
        )
        self._words.setText(words)
        self.setAccessibleName(words)
        shown = tuple((way.text, way.sentence) for way in ways)
        if shown != self._shown or self.isHidden():
            self._shown = shown
            self._put(ways)
        self.show()

    def _put(self, ways: Sequence[WayOut]) -> None:
        empty(self._grid)
        self.buttons = []
        for row, way in enumerate(ways):
            made = button(way.text, way.run, glyph=way.glyph, tip=way.sentence)
            made.setAccessibleDescription(way.sentence)
            self.buttons.append(made)
            self._grid.addWidget(made, row, 0)
            self._grid.addWidget(label(way.sentence, "caption", wrap=True), row, 1)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
