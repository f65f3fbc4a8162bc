"""Keeps what is being written: shortly after the last letter, so that neither a restart nor a crash costs it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from PySide6.QtCore import QObject, QTimer

from app.chat import ConversationStore
from app.core.errors import EnvironmentFault
from app.ui.pages.chat_attachment_drafts import AttachmentDrafts
from app.ui.pages.chat_composer import Composer

RESTING_MS = 400


class DraftKeeper(QObject):
    """Of the conversation that is open. One that cannot be kept is not worth a message: it is still in the field."""

    def __init__(self, composer: Composer, store: Callable[[], ConversationStore]) -> None:
        super().__init__(composer)
        self._composer = composer
        self._store = store
        self._attachments = AttachmentDrafts(composer.attaching, store)
        self._conversation: int | None = None
        self._kept = ""
        self._resting = QTimer(self)
        self._resting.setSingleShot(True)
        self._resting.setInterval(RESTING_MS)
        self._resting.timeout.connect(self.flush)
        composer.field.textChanged.connect(self._resting.start)

    def open(self, conversation: int | None) -> None:
        """Puts its draft into the field; the one that was open keeps its own."""
        self.flush()
        self._conversation, self._kept = conversation, ""
        with suppress(EnvironmentFault):
            self._kept = self._store().draft(conversation)
        self._composer.set_text(self._kept)
        self._resting.stop()
        self._attachments.open(conversation)

    def sent(self, conversation: int) -> None:
        """What was in the field is a message now, of a conversation that perhaps began with it."""
        self.flush()
        self._conversation = conversation
        self._attachments.open(conversation)

    def flush(self) -> None:
        self._resting.stop()
        text = self._composer.text
        if text != self._kept:
            with suppress(EnvironmentFault):
                self._store().keep_draft(self._conversation, text)
                self._kept = text
