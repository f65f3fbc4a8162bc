"""A conversation once more, with all its branches."""

from __future__ import annotations

import sqlite3
import time

from app.chat.attachments_store import copy_attachments
from app.chat.records import Conversation, MessageState, conversation_of
from app.core.text import encodable
from app.storage import transaction


class Copying:
    """Part of `ConversationStore`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def duplicate(self, conversation_id: int, title: str | None = None) -> Conversation:
        """The copy, neither pinned nor archived, under the same title unless another one is given. Of an answer that is
        being written it has what has arrived, as one that was cut off. Raises KeyError."""
        with transaction(self._connection) as connection:
            now = time.time()
            cursor = connection.execute(
                "INSERT INTO conversations (title, title_is_own, model_path, system_prompt, sampling,"
                " template_options, when_full, created_at, updated_at)"
                " SELECT coalesce(?1, title), title_is_own OR ?1 IS NOT NULL, model_path, system_prompt, sampling,"
                " template_options, when_full, ?2, ?2 FROM conversations WHERE id = ?3",
                (None if title is None else encodable(title), now, conversation_id),
            )
            if cursor.rowcount == 0:
                raise KeyError(conversation_id)
            copy = cursor.lastrowid
            assert copy is not None
            _copy_messages(connection, conversation_id, copy)
            row = connection.execute("SELECT * FROM conversations WHERE id = ?", (copy,)).fetchone()
        return conversation_of(row)


def _copy_messages(connection: sqlite3.Connection, source: int, target: int) -> None:
    pieces = (
        "(SELECT group_concat(text, '') FROM (SELECT text FROM message_pieces AS piece"
        " WHERE piece.message_id = messages.id AND kind = '{}' ORDER BY position))"
    )
    statement = (
        "INSERT INTO messages (conversation_id, parent_id, shown, role, text, reasoning, reasoning_s, state,"
        " model_name, quantization, statistics, is_edited, written_with, tool_calls, created_at)"
        f" SELECT ?1, ?2, shown, role, text || coalesce({pieces.format('answer')}, ''),"
        f" reasoning || coalesce({pieces.format('reasoning')}, ''), reasoning_s,"
        " CASE state WHEN ?4 THEN ?5 ELSE state END, model_name, quantization, statistics, is_edited, written_with,"
        " tool_calls, created_at FROM messages WHERE id = ?3"
    )
    copies: dict[int | None, int | None] = {None: None}
    rows = connection.execute(
        "SELECT id, parent_id FROM messages WHERE conversation_id = ? ORDER BY id", (source,)
    ).fetchall()
    states = (MessageState.STREAMING.value, MessageState.CUT_OFF.value)
    for row in rows:  # the oldest first: no message follows on a younger one
        parent = copies.get(row["parent_id"])
        copied = connection.execute(statement, (target, parent, row["id"], *states)).lastrowid
        assert copied is not None
        copies[row["id"]] = copied
        copy_attachments(connection, row["id"], copied)
