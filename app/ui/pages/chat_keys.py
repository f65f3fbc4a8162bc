"""What keys and the palette do on the Chat page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from app.ui.actions import add_action

if TYPE_CHECKING:
    from app.ui.pages.chat import ChatPage


class ChatKeys:
    """The actions of the page, from when this is made."""

    def __init__(self, page: ChatPage) -> None:
        self._page = page
        composer = page.composer
        add_action(page, "stop", composer.stop, self._is_at_work)
        add_action(page, "again", self._answer_again, lambda: self._is_idle() and self._has_prompt())
        add_action(page, "edit-last", page.branches.edit_last, self.can_edit_last)
        add_action(page, "copy-code", self._copy_code, lambda: page.column.last_code() is not None)
        add_action(page, "find", self._find)
        add_action(page, "next-chat", lambda: self._go(1), lambda: self._neighbour(1) is not None)
        add_action(page, "previous-chat", lambda: self._go(-1), lambda: self._neighbour(-1) is not None)
        composer.field.left_above.connect(self._edit_from_field)

    def can_edit_last(self) -> bool:
        prompts = self._page.column.prompts()
        return bool(prompts) and prompts[-1].buttons.edit.isEnabled()

    def _is_at_work(self) -> bool:
        answering = self._page.answering
        return answering.conversation is not None or answering.loading is not None

    def _is_idle(self) -> bool:
        return self._page.answering.conversation is None and self._page.model is not None

    def _has_prompt(self) -> bool:
        return bool(self._page.column.prompts())

    def _answer_again(self) -> None:
        """Another answer in the place of the last one; the first, where the last prompt has none yet."""
        last = self._page.column.views()[-1].message
        if last is not None and last.role == "assistant":
            self._page.column.another_asked.emit(last)
        else:
            self._page.try_again()

    def _copy_code(self) -> None:
        code = self._page.column.last_code()
        if code is not None:
            QGuiApplication.clipboard().setText(code)
            self._page.notices.show_good(self._page.tr("The last code block is on the clipboard."))

    def _find(self) -> None:
        self._page.show_list()
        self._page.list_controls.field.setFocus()
        self._page.list_controls.field.selectAll()

    def _edit_from_field(self) -> None:
        if self.can_edit_last():
            self._page.branches.edit_last()

    def _neighbour(self, step: int) -> int | None:
        """The conversation so many lines below the open one; from a new chat, the first."""
        lines = [line.id for line in self._page.list.lines if line.message is None]
        opened = self._page.conversation
        if opened is None or opened.id not in lines:
            return lines[0] if lines and step > 0 else None
        place = lines.index(opened.id) + step
        return lines[place] if 0 <= place < len(lines) else None

    def _go(self, step: int) -> None:
        identity = self._neighbour(step)
        if identity is not None:
            self._page.open_conversation(identity)
