"""Where a conversation outgrows the context: what the person chose for it, and the line that says it happened."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.chat import WHEN_FULL
from app.runtime.protocol import WhenFull
from app.ui.parts import Glyph, label
from app.ui.wheel import WheelGuard

BELOW_PX = 16


class FullContextSettings(QWidget):
    """The part of the chat's settings about it. Tells changes at once."""

    changed = Signal(str)  # WhenFull

    def __init__(self) -> None:
        super().__init__()
        heading = label(_tr("When the context is full"), "heading", wrap=True)
        explanation = label(
            _tr("Turns that are left out stay here to read, and the system prompt is always kept."),
            "caption",
            wrap=True,
        )
        self.field = QComboBox()
        self.field.addItem(_tr("Stop and say so"), "stop")
        self.field.addItem(_tr("Leave out the oldest turns"), "drop_oldest")
        self.field.setAccessibleName(heading.text())
        self.field.setAccessibleDescription(explanation.text())
        self.field.setMinimumWidth(64)  # a long word is shortened before the drawer gets wider
        self.field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._wheel = WheelGuard(self)
        self.field.installEventFilter(self._wheel)
        self.field.activated.connect(lambda: self.changed.emit(self.choice))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, BELOW_PX)
        column.setSpacing(8)
        column.addWidget(heading)
        column.addWidget(self.field)
        column.addWidget(explanation)
        self.show_choice(WHEN_FULL)

    @property
    def choice(self) -> WhenFull:
        return cast(WhenFull, self.field.currentData())

    def show_choice(self, choice: WhenFull) -> None:
        """That of a conversation; nothing is told."""
        self.field.setCurrentIndex(self.field.findData(choice))


class LeftOutLine(QWidget):
    """Says above an answer that the model does without the beginning of the conversation from here on."""

    def __init__(self) -> None:
        super().__init__()
        self._words = label("", "muted", wrap=True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(Glyph("info", "muted", 16), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._words, 1)
        self.hide()

    @property
    def text(self) -> str:
        return self._words.text()

    def show_count(self, messages: int) -> None:
        """So many messages are left out; hidden where none are."""
        self._words.setText(describe_left_out(messages))
        self.setVisible(messages > 0)


def describe_left_out(messages: int) -> str:
    """`The first 12 messages are no longer given to the model: the context is full.`"""
    if messages <= 0:
        return ""
    if messages == 1:
        return _tr("The first message is no longer given to the model: the context is full.")
    return _tr("The first {n:,} messages are no longer given to the model: the context is full.").format(
        n=messages
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
