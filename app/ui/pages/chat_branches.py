"""What a person does with messages that are there: each makes another version of one, and none is lost."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from app.chat import ConversationStore, Message
from app.core.text import encodable
from app.ui.pages.chat_actions import quoted
from app.ui.pages.chat_column import MessageColumn
from app.ui.pages.chat_composer import Composer


class BranchActs(QObject):
    """Connects the column's wishes with the store and with whoever gets answers."""

    def __init__(
        self,
        column: MessageColumn,
        composer: Composer,
        store: Callable[[], ConversationStore],
        *,
        keep: Callable[[Callable[[], object]], bool],
        show: Callable[[], None],
        answer: Callable[[Message | None], None],
        go_on: Callable[[Message], None],
    ) -> None:
        """`keep` does something with the store and tells whether it could; `show` shows the branch as it is now;
        `answer` gets another answer in the place of that one, or to the last prompt; `go_on` more of that one."""
        super().__init__(column)
        self._column = column
        self._composer = composer
        self._store = store
        self._keep = keep
        self._show = show
        self._answer = answer
        column.edited.connect(self._edit)
        column.another_asked.connect(answer)
        column.go_on_asked.connect(go_on)
        column.switch_asked.connect(self._switch)
        column.quote_asked.connect(self._quote)

    def edit_last(self) -> None:
        """Opens the last prompt for editing."""
        prompts = self._column.prompts()
        if prompts and prompts[-1].buttons.edit.isEnabled():
            self._column.edit(prompts[-1])

    def _edit(self, message: Message, text: str) -> None:
        words = encodable(text)
        if words == message.text and message.role == "assistant":
            self._show()
        elif self._keep(lambda: self._store().edit(message.id, words)):
            self._show()
            if message.role == "user":
                self._answer(None)

    def _switch(self, sibling: int) -> None:
        if self._keep(lambda: self._store().show(sibling)):
            self._show()

    def _quote(self, text: str) -> None:
        if text.strip():
            before = self._composer.text
            gap = "\n" if before and not before.endswith("\n") else ""  # a quote begins a line
            self._composer.set_text(f"{before}{gap}{quoted(text)}")
            self._composer.field.setFocus()
