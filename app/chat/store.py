"""Conversations and messages in the database."""

from __future__ import annotations

from pathlib import Path

from app.chat.answers import Answers
from app.chat.attachments_store import Attachments
from app.chat.checksums import keep_checksums
from app.chat.conversations import Conversations
from app.chat.copying import Copying
from app.chat.drafts import Drafts
from app.chat.kept_caches import KeptCaches
from app.chat.search import Search
from app.storage import open_database


class ConversationStore(Conversations, Answers, Attachments, Copying, Search, Drafts):
    """One connection, for one thread. `close` it or use it as a context manager."""

    def __init__(self, database: Path) -> None:
        self._connection = open_database(database)
        keep_checksums(self._connection)
        self._caches = KeptCaches(database)

    def __enter__(self) -> ConversationStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()
