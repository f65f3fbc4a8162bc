"""The ways from a conversation to Compare: its model beside another one, with all that was said in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint
from PySide6.QtWidgets import QMenu

from app.chat import Conversation, ConversationStore, Message
from app.core.errors import EnvironmentFault
from app.ui import icons
from app.ui.actions import add_action
from app.ui.notice import Action, Kind
from app.ui.palette import Entry
from app.ui.parts import without_mnemonics

if TYPE_CHECKING:  # with it comes Compare's engine
    from app.library import LibraryEntry
    from app.ui.pages.chat import ChatPage


class ChatComparing(QObject):
    """Offers, for a conversation or up to one of its answers, the model that best goes beside its own, and all others.

    What was said is read when one is chosen, and handed on by the page's `compare_requested`.
    """

    def __init__(self, page: ChatPage, store: Callable[[], ConversationStore]) -> None:
        super().__init__(page)
        self._page = page
        self._store = store
        add_action(page, "compare-chat", self._compare_open_one, self._can_compare)
        page.column.compare_asked.connect(self._open_menu_of)
        page.list.fill_compare_menu = self.fill_menu

    def entries(self, then: Callable[[Callable[[], object]], Callable[[], None]]) -> list[Entry]:
        """For the palette: the conversation that is open beside each of the others' models."""
        conversation = self._page.conversation
        if conversation is None or not self._can_compare():
            return []
        return [
            Entry(
                self.tr("Compare with {model}").format(model=other.title),
                self.tr("This chat"),
                then(partial(self._compare, conversation, other.path)),
            )
            for other in self._others(conversation.model_path)
        ]

    def fill_menu(self, menu: QMenu, conversation_id: int, to: int | None = None) -> None:
        """With `Compare with Q8_0`, and behind it all other models; or with what is missing for it, and the way there.
        `to`: the last message that counts."""
        try:
            conversation = self._store().conversation(conversation_id)
        except (KeyError, EnvironmentFault):
            return
        own = conversation.model_path
        if self._page.known.entry(own) is None:
            gone = self.tr("Compare: {file} is not in the library any more").format(file=own.name)
            menu.addAction(icons.icon("scales"), without_mnemonics(gone)).setEnabled(False)
            return
        others = self._others(own)
        if not others:
            words = self.tr("Compare: make or add another model first…")
            menu.addAction(icons.icon("scales"), words, self._page.library_requested.emit)
            return
        best, name = self._best(own)
        words = self.tr("Compare with {model}").format(model=name)
        take = partial(self._compare, conversation, best.path, to)
        menu.addAction(icons.icon("scales"), without_mnemonics(words), take)
        rest = [other for other in others if other.path != best.path]
        if rest:
            more = menu.addMenu(self.tr("Compare with …"))
            for other in rest:
                more.addAction(
                    without_mnemonics(other.title), partial(self._compare, conversation, other.path, to)
                )

    def _can_compare(self) -> bool:
        conversation = self._page.conversation
        return conversation is not None and self._page.answering.conversation != conversation.id

    def _compare_open_one(self) -> None:
        """With what goes best beside its model; where there is nothing, that is said, with the way to get it."""
        conversation = self._page.conversation
        if conversation is None:
            return
        own, notices = conversation.model_path, self._page.notices
        if self._page.known.entry(own) is None:
            notices.show_message(
                Kind.WARNING,
                self.tr("{file} is not in the library any more.").format(file=own.name),
                self.tr("Choose another model for this chat, and then compare."),
            )
        elif not self._others(own):
            notices.show_message(
                Kind.INFO,
                self.tr("There is no other model to compare with."),
                self.tr("Make another quantization of it, or add another model."),
                Action(self.tr("Go to the library"), self._page.library_requested.emit),
            )
        else:
            self._compare(conversation, self._best(own)[0].path)

    def _open_menu_of(self, message: Message, at: QPoint) -> None:
        conversation = self._page.conversation
        if conversation is None:
            return
        menu = QMenu(self._page)
        menu.aboutToHide.connect(menu.deleteLater)
        self.fill_menu(menu, conversation.id, message.id)
        menu.popup(at)

    def _compare(self, conversation: Conversation, other: Path, to: int | None = None) -> None:
        from app.compare.from_chat import read_opening

        try:
            opening = read_opening(self._store(), conversation.id, to)
        except KeyError:  # deleted meanwhile
            return
        except EnvironmentFault as fault:
            self._page.notices.show_fault(fault)
            return
        if opening is not None:
            self._page.compare_requested.emit(opening, other)

    def _others(self, own: Path) -> list[LibraryEntry]:
        from app.compare.pairing import comparable

        return [entry for entry in comparable(self._page.known.entries) if entry.path != own]

    def _best(self, own: Path) -> tuple[LibraryEntry, str]:
        """What goes best beside it, and how it is called there: of the same model, its quantization."""
        from app.compare.pairing import is_same_model, partner_of

        entry = self._page.known.entry(own)
        assert entry is not None
        best = partner_of(entry, self._page.known.entries)
        assert best is not None
        same = is_same_model(best, entry) and best.quantization and best.quantization != entry.quantization
        return best, (best.quantization or "") if same else best.title
