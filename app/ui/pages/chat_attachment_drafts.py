"""Keeps the files that are to go with the next prompt, so that neither a restart nor a crash costs them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from PySide6.QtCore import QObject

from app.chat import ConversationStore
from app.chat.attachments import Attachment
from app.core.errors import EnvironmentFault
from app.ui.pages.chat_attaching import Attaching


class AttachmentDrafts(QObject):
    """Of all conversations, each from when it is first opened. One that cannot be kept is not worth a message: it is
    still there to be sent."""

    def __init__(self, attaching: Attaching, store: Callable[[], ConversationStore]) -> None:
        super().__init__(attaching)
        self._attaching = attaching
        self._store = store
        self._known: set[int | None] = set()
        self._kept: dict[int, tuple[int | None, Attachment]] = {}
        """By the numbers of entries: the number in the store, None where it could not be kept, and what is there."""
        attaching.changed.connect(self._keep)

    def open(self, conversation: int | None) -> None:
        """Shows what goes with that conversation's next prompt."""
        self._attaching.switch_to(conversation)
        if conversation in self._known:
            return
        self._known.add(conversation)
        with suppress(EnvironmentFault):
            for found in self._store().draft_attachments(conversation):
                number = self._attaching.restore(found.attachment, is_pasted=found.is_pasted)
                self._kept[number] = (found.id, found.attachment)
            self._attaching.changed.emit()

    def _keep(self) -> None:
        entries = {
            entry.number: (draft, entry) for draft, found in self._attaching.drafts.items() for entry in found
        }
        with suppress(EnvironmentFault):
            for number, (draft, entry) in entries.items():
                attachment = entry.attachment  # None also while it is being shortened
                kept = self._kept.get(number)
                if attachment is None or (kept is not None and kept[1] is attachment):
                    continue
                self._kept[number] = (kept[0] if kept else None, attachment)
                if kept is None:
                    identity = self._store().add_draft_attachment(
                        draft, attachment, is_pasted=bool(entry.pasted)
                    )
                    self._kept[number] = (identity, attachment)
                elif kept[0] is not None:
                    self._store().change_draft_attachment(kept[0], attachment)
            gone = self._kept.keys() - entries.keys()
            stored = [identity for number in gone if (identity := self._kept.pop(number)[0]) is not None]
            if stored:
                self._store().drop_draft_attachments(stored)
