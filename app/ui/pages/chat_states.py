"""What the Chat page shows where there are no messages: what to do next, and the button that does it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.parts import Glyph, button, label

WORDS_PX = 440


class State(QWidget):
    """A glyph, a heading, a sentence, and maybe one button."""

    def __init__(
        self,
        glyph: str,
        title: str,
        text: str,
        action: tuple[str, str, Callable[[], object]] | None = None,
    ) -> None:
        """`action`: the button's text and glyph, and what it does."""
        super().__init__()
        centre = Qt.AlignmentFlag.AlignHCenter
        self._title = label(title, "heading", wrap=True)
        self._title.setAlignment(centre)
        self._words = label(text, "muted", wrap=True)
        self._words.setAlignment(centre)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(2)
        column.addWidget(Glyph(glyph, "accent", 48), 0, centre)
        column.addSpacing(8)
        for words in (self._title, self._words):
            # In a row, not by alignment: only so the column asks how high the words are at this width.
            row = QHBoxLayout()
            row.addStretch()
            row.addWidget(words)
            row.addStretch()
            column.addLayout(row)
        if action is not None:
            column.addSpacing(8)
            name, picture, act = action
            column.addWidget(button(name, act, role="primary", glyph=picture), 0, centre)
        column.addStretch(3)
        self.setMinimumWidth(96)  # and not that of words which were given more room before

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for words in (self._title, self._words):
            words.setFixedWidth(max(min(theme.px(WORDS_PX), self.width() - 32), 64))

    def set_title(self, title: str) -> None:
        self._title.setText(title)
