"""What can be done from anywhere in the window: each an action with its words and its keys, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from app.ui.palette import Entry

if TYPE_CHECKING:
    from app.ui.pages.chat import ChatPage

PALETTE_KEYS = "Ctrl+K"  # "Ctrl" is Command on a Mac
NEW_CHAT_KEYS = "Ctrl+N"


def add_action(window: QWidget, text: str, keys: str, run: Callable[[], object]) -> QAction:
    """From now on `keys` does it wherever the focus is in the window."""
    action = QAction(text, window)
    action.setShortcut(QKeySequence(keys))
    action.triggered.connect(lambda: run())
    window.addAction(action)
    return action


def action_entries(actions: Iterable[QAction]) -> list[Entry]:
    """Those that can be done now."""
    native = QKeySequence.SequenceFormat.NativeText
    return [
        Entry(action.text(), _tr("Action"), action.trigger, action.shortcut().toString(native))
        for action in actions
        if action.isEnabled() and action.text()
    ]


def chat_entries(chat: ChatPage, show: Callable[[], object]) -> list[Entry]:
    """Its conversations, and the models that can answer from now on. `show` brings the page to the front."""

    def then(do: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            show()
            do()

        return run

    conversations = [
        Entry(line.title, _tr("Conversation"), then(partial(chat.open_conversation, line.id)))
        for line in chat.list.lines
    ]
    models = [
        Entry(
            chat.known.title(entry.path),
            _tr("Model for this chat"),
            then(partial(chat.choose_model, entry.path)),
        )
        for entry in chat.known.entries
    ]
    return [*models, *conversations]


def _tr(text: str) -> str:
    return QCoreApplication.translate("Actions", text)
