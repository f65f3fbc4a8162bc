"""What a person has begun to write and not sent, of each conversation and of the next new one."""

from __future__ import annotations

import sqlite3

from app.core.text import encodable
from app.storage import reading, transaction


class Drafts:
    """Part of `ConversationStore`. A conversation None is one that has not begun."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def draft(self, conversation_id: int | None) -> str:
        with reading(self._connection) as connection:
            row = connection.execute(
                "SELECT text FROM drafts WHERE conversation_id IS ?", (conversation_id,)
            ).fetchone()
        return row["text"] if row else ""

    def keep_draft(self, conversation_id: int | None, text: str) -> None:
        """In the place of what was kept; nothing where that conversation is gone."""
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM drafts WHERE conversation_id IS ?", (conversation_id,))
            if text:
                connection.execute(
                    "INSERT INTO drafts (conversation_id, text) SELECT ?1, ?2"
                    " WHERE ?1 IS NULL OR EXISTS (SELECT 1 FROM conversations WHERE id = ?1)",
                    (conversation_id, encodable(text)),
                )
