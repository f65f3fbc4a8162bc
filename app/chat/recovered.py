"""Conversations after their database was damaged: what came back, and what holds it together again."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from app.chat.checksums import drop_unlike
from app.chat.search_index import queue_everything
from app.chat.titles import first_words
from app.core.jobs import JobControl
from app.storage.recovery import UNHEARD, recover_if_damaged


@dataclass(frozen=True)
class Recovered:
    """`kept`: the damaged file; None where there was nothing in it."""

    kept: Path | None
    conversations: int
    messages: int

    @property
    def sentence(self) -> str:
        if self.kept is None:
            return "Nibble's database was an empty file: it starts anew, without conversations."
        return (
            "Nibble's database was damaged, and what could be read was recovered (conversations:"
            f" {self.conversations:,}, messages: {self.messages:,}); the damaged file is kept as {self.kept}."
        )


def recover_conversations(database: Path, control: JobControl = UNHEARD) -> Recovered | None:
    """None where the database is sound, as far as that can be seen at once. `control` hears of the progress. Raises as
    `recover_if_damaged`."""
    recovery = recover_if_damaged(database, _mend, control)
    if recovery is None:
        return None
    rows = recovery.rows
    return Recovered(recovery.kept, rows.get("conversations", 0), rows.get("messages", 0))


def _mend(connection: sqlite3.Connection) -> None:
    """Messages whose conversation is lost get one, those whose parent is lost hang on the one before."""
    drop_unlike(connection)
    _give_messages_to_pieces(connection)
    _give_conversations(connection)
    columns = {row[1] for row in connection.execute("PRAGMA table_info(messages)")}
    if "parent_id" in columns:
        connection.execute(
            """
            UPDATE messages SET parent_id = (
                SELECT max(earlier.id) FROM messages AS earlier
                WHERE earlier.conversation_id = messages.conversation_id AND earlier.id < messages.id
            )
            WHERE parent_id NOT IN (SELECT id FROM messages)
            """
        )
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'search_queue'").fetchone():
        queue_everything(connection)


def _give_messages_to_pieces(connection: sqlite3.Connection) -> None:
    """An answer that was being written, whose pieces are all there is of it: in a conversation of its own. Its
    `writer` is nobody, so it is found to be cut off."""
    lost = connection.execute(
        "SELECT DISTINCT message_id FROM message_pieces WHERE message_id NOT IN (SELECT id FROM messages)"
    ).fetchall()
    after = connection.execute(
        "SELECT max((SELECT coalesce(max(id), 0) FROM conversations),"
        " (SELECT coalesce(max(conversation_id), 0) FROM messages))"
    ).fetchone()[0]
    for number, (message_id,) in enumerate(lost, start=1):
        connection.execute(
            "INSERT INTO messages (id, conversation_id, role, state, created_at)"
            " VALUES (?, ?, 'assistant', 'streaming', 0)",
            (message_id, after + number),
        )


def _give_conversations(connection: sqlite3.Connection) -> None:
    """Named after their first prompt, as they were; with the model that was used last."""
    connection.create_function("first_words", 1, first_words, deterministic=True)
    connection.execute(
        """
        INSERT INTO conversations (id, title, model_path, sampling, created_at, updated_at)
        SELECT
            conversation_id,
            coalesce(
                (
                    SELECT first_words(first.text)
                    FROM messages AS first
                    WHERE first.conversation_id = lost.conversation_id AND first.role = 'user'
                    ORDER BY first.id LIMIT 1
                ),
                ''
            ),
            coalesce((SELECT model_path FROM conversations ORDER BY updated_at DESC LIMIT 1), ''),
            '{}',
            min(created_at),
            max(created_at)
        FROM messages AS lost
        WHERE conversation_id NOT IN (SELECT id FROM conversations)
        GROUP BY conversation_id
        """
    )
