"""A call of a tool that a model asked for, as a card: its name, and what it is called with when unfolded."""

from __future__ import annotations

import json

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFrame, QVBoxLayout

from app.runtime.protocol import ToolCall
from app.ui import icons
from app.ui.pages.chat_text import Prose
from app.ui.parts import button

LONGEST_NAME = 80


class ToolCallCard(QFrame):
    """What a model wrote is hostile: the name is shortened, the arguments are shown letter by letter."""

    def __init__(self, call: ToolCall) -> None:
        super().__init__()
        self.setProperty("role", "card")
        name = call.name if len(call.name) <= LONGEST_NAME else f"{call.name[: LONGEST_NAME - 1]}…"
        words = _tr("Asks for the tool {name}").format(name=name)
        self.head = button(words, self._toggle, role="thought", glyph="caret-right")
        self.arguments = Prose(_tr("What the tool is called with"))
        self._text = readable(call.arguments)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(4)
        column.addWidget(self.head)
        column.addWidget(self.arguments)
        self.arguments.hide()

    def _toggle(self) -> None:
        is_open = self.arguments.isHidden()
        if is_open and not self.arguments.text:
            fence = "`" * 40  # longer than any that could be in it
            self.arguments.show_markdown(f"{fence}json\n{self._text}\n{fence}")
        self.arguments.setVisible(is_open)
        self.head.setIcon(icons.icon("caret-down" if is_open else "caret-right"))


def readable(arguments: str) -> str:
    """JSON with a line for each entry; what is no JSON as it is."""
    try:
        return json.dumps(json.loads(arguments), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return arguments


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
