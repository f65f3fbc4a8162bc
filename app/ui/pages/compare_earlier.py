"""What was said before a comparison began: one quiet line above the turns of each pane, which unfolds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from app.runtime import ChatMessage
from app.ui import icons, theme
from app.ui.parts import button, without_mnemonics

if TYPE_CHECKING:  # with it comes Chat
    from app.compare.from_chat import Opening

HEIGHT_PX = 240
LONGEST_TITLE = 40


@dataclass(frozen=True)
class Begun:
    """A conversation of Chat that is gone on with: behind its last answer, or once more with its last prompt."""

    opening: Opening
    with_answer: bool

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        return self.opening.messages(with_answer=self.with_answer)


class EarlierView(QWidget):
    """`N messages from ‘Title’`; opened, all of them as they were written."""

    def __init__(self, title: str, messages: Sequence[ChatMessage]) -> None:
        super().__init__()
        self._messages = messages
        self.head = button(_told(title, messages), self._toggle, role="thought", glyph="caret-right")
        self.head.setToolTip(_tr("What every pane knows of the chat; the chat itself stays as it is"))
        self.head.setMinimumWidth(1)  # a long title does not make the pane wider
        self.words = QPlainTextEdit()
        self.words.setReadOnly(True)
        self.words.setAccessibleName(_tr("Earlier messages"))
        theme.follow(self.words, lambda: self.words.setFixedHeight(theme.px(HEIGHT_PX)))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.head, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.words)
        self.words.hide()

    def _toggle(self) -> None:
        opens = self.words.isHidden()
        if opens and not self.words.toPlainText():
            self.words.setPlainText("\n\n".join(f"{_who(each)}\n{each.said}" for each in self._messages))
        self.words.setVisible(opens)
        self.head.setIcon(icons.icon("caret-down" if opens else "caret-right"))


def _told(title: str, messages: Sequence[ChatMessage]) -> str:
    title = title if len(title) <= LONGEST_TITLE else f"{title[:LONGEST_TITLE].rstrip()}…"
    number = sum(each.role != "system" for each in messages)
    words = {
        0: _tr("The settings of ‘{title}’"),
        1: _tr("One message from ‘{title}’"),
    }.get(number, _tr("{n} messages from ‘{title}’"))
    return without_mnemonics(words.format(n=number, title=title))


def _who(message: ChatMessage) -> str:
    names = {"system": _tr("System prompt:"), "user": _tr("You:"), "assistant": _tr("Model:")}
    return names.get(message.role, message.role)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Compare", text)
