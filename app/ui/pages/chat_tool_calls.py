"""Calls of tools that a model asked for, as cards below its answer: the name, and what it is called with when
unfolded."""

from __future__ import annotations

import re
from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.chat.tool_calls import name_of, readable_arguments
from app.runtime.protocol import ToolCall
from app.ui import icons
from app.ui.pages.chat_text import Prose
from app.ui.parts import button, icon_button, label, without_mnemonics

MOST_SHOWN = 20_000
"""Characters of arguments that are laid out; the rest comes along when they are copied."""
AT_ONCE = 10
"""So many cards are made for one answer, and as many more whenever the person asks for them."""
LONGEST_NAME = 36
COPIED_MS = 1500


class ToolCallCards(QWidget):
    """Those of one answer, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: Sequence[ToolCall] = ()
        self.cards: list[ToolCallCard] = []
        self.more = button("", self._show_more, glyph="caret-down")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)

    def show_calls(self, calls: Sequence[ToolCall]) -> None:
        """Those that are shown already stay as they are: a message is shown again when it goes on."""
        if tuple(calls[: len(self.cards)]) != tuple(self._calls[: len(self.cards)]):
            for card in self.cards:
                self._column.removeWidget(card)
                card.hide()
                card.deleteLater()
            self.cards = []
        self._calls = calls
        self._show_until(max(AT_ONCE, len(self.cards)))
        self.setVisible(bool(calls))

    def _show_more(self) -> None:
        self._show_until(len(self.cards) + AT_ONCE)

    def _show_until(self, count: int) -> None:
        for call in self._calls[len(self.cards) : count]:
            card = ToolCallCard(call)
            self._column.insertWidget(len(self.cards), card)
            self.cards.append(card)
        left = len(self._calls) - len(self.cards)
        self.more.setText(_tr("Show more calls ({n:,} left)").format(n=left))
        self.more.setVisible(left > 0)


class ToolCallCard(QFrame):
    """What a model wrote is hostile: the name is shortened, the arguments are shown letter by letter, and laid out when
    somebody wants to read them."""

    def __init__(self, call: ToolCall) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self._call = call
        self._arguments: Prose | None = None
        name = name_of(call)
        name = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
        words = _tr("Asks for the tool {name}").format(name=name)
        self.head = button(without_mnemonics(words), self._toggle, role="thought", glyph="caret-right")
        self.head.setAccessibleName(words)
        self.head.setMinimumWidth(1)  # a narrow window cuts it off and does not grow
        self.copy = icon_button("copy", _tr("Copy what the tool is called with"), self._copy)
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self.head, 0, Qt.AlignmentFlag.AlignLeft)
        top.addStretch()
        top.addWidget(self.copy)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 4, 8, 4)
        self._column.setSpacing(4)
        self._column.addLayout(top)
        self._tell()

    @property
    def text(self) -> str:
        """What is shown of the arguments."""
        return self._arguments.toPlainText() if self._arguments is not None else ""

    @property
    def is_open(self) -> bool:
        return self._arguments is not None and not self._arguments.isHidden()

    def _toggle(self) -> None:
        if self._arguments is None:
            self._arguments = self._lay_out()
        else:
            self._arguments.setVisible(self._arguments.isHidden())
        self._tell()

    def _lay_out(self) -> Prose:
        made = Prose(_tr("What the tool is called with"))
        text = readable_arguments(self._call)
        shown, left = text[:MOST_SHOWN], len(text) - MOST_SHOWN
        longest = max((len(run) for run in re.findall("`+", shown)), default=0)
        fence = "`" * max(longest + 1, 3)
        self._column.addWidget(made)
        made.show()
        made.show_markdown(f"{fence}json\n{shown}\n{fence}")
        if left > 0:
            words = _tr("{n:,} more characters are not shown; copying takes them along.").format(n=left)
            self._column.addWidget(label(words, "caption", wrap=True))
        return made

    def _tell(self) -> None:
        self.head.setIcon(icons.icon("caret-down" if self.is_open else "caret-right"))
        what = (
            _tr("Hide what the tool is called with")
            if self.is_open
            else _tr("Show what the tool is called with")
        )
        self.head.setToolTip(what)
        self.head.setAccessibleDescription(what)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._call.arguments)
        self.copy.setIcon(icons.icon("check", "good"))
        QTimer.singleShot(COPIED_MS, self.copy, lambda: self.copy.setIcon(icons.icon("copy", "muted")))


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
