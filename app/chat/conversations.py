"""Conversations: what is kept of each beside its messages."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from app.chat.attachments_store import attachment_heads, names_of
from app.chat.kept_caches import KeptCaches
from app.chat.records import NO_OPTIONS, WHEN_FULL, Conversation, conversation_of, encoded
from app.chat.titles import first_words, one_line
from app.core.text import encodable
from app.runtime.protocol import Sampling, TemplateOptions, WhenFull
from app.storage import reading, transaction


class Conversations:
    """Part of `ConversationStore`."""

    def __init__(self, connection: sqlite3.Connection, caches: KeptCaches) -> None:
        self._connection = connection
        self._caches = caches

    def create(
        self,
        model_path: Path,
        sampling: Sampling,
        system_prompt: str = "",
        options: TemplateOptions = NO_OPTIONS,
        when_full: WhenFull = WHEN_FULL,
    ) -> Conversation:
        now = time.time()
        path, system_prompt = encodable(str(model_path)), encodable(system_prompt)
        with transaction(self._connection) as connection:
            cursor = connection.execute(
                "INSERT INTO conversations (title, model_path, system_prompt, sampling, template_options,"
                " when_full, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                ("", path, system_prompt, encoded(sampling), encoded(options), when_full, now, now),
            )
        assert cursor.lastrowid is not None
        return self.conversation(cursor.lastrowid)

    def conversation(self, conversation_id: int) -> Conversation:
        with reading(self._connection) as connection:
            row = connection.execute(
                "SELECT * FROM conversations WHERE id = ?", (conversation_id,)
            ).fetchone()
        if row is None:
            raise KeyError(conversation_id)
        return conversation_of(row)

    def conversations(
        self, *, archived: bool | None = False, pinned: bool | None = None
    ) -> list[Conversation]:
        """Those that hold a message, the one used last first. `archived` and `pinned`: only those that are, or are
        not; None for both."""
        with reading(self._connection) as connection:
            rows = connection.execute(
                "SELECT * FROM conversations WHERE id IN (SELECT conversation_id FROM messages)"
                " AND (?1 IS NULL OR (archived_at IS NOT NULL) = ?1) AND (?2 IS NULL OR is_pinned = ?2)"
                " ORDER BY updated_at DESC, id DESC",
                (archived, pinned),
            ).fetchall()
        return [conversation_of(row) for row in rows]

    def exists(self, conversation_id: int) -> bool:
        with reading(self._connection) as connection:
            found = connection.execute("SELECT 1 FROM conversations WHERE id = ?", (conversation_id,))
            return found.fetchone() is not None

    def rename(self, conversation_id: int, title: str) -> None:
        """Nothing but white space: back to the title that comes from the first prompt."""
        own = one_line(encodable(title))
        with transaction(self._connection) as connection:
            connection.execute(
                "UPDATE conversations SET title = ?, title_is_own = ? WHERE id = ?",
                (own or _first_words_of(connection, conversation_id), bool(own), conversation_id),
            )

    def wants_title(self, conversation_id: int, most_answers: int) -> bool:
        """Whether it is still called after its first words, which nobody chose, and has had no more answers than
        that."""
        with reading(self._connection) as connection:
            row = connection.execute(
                "SELECT title FROM conversations WHERE id = ?1 AND NOT title_is_own AND ?2 >="
                " (SELECT count(*) FROM messages WHERE conversation_id = ?1 AND role = 'assistant')",
                (conversation_id, most_answers),
            ).fetchone()
            if row is None:
                return False
            return bool(row["title"] == _first_words_of(connection, conversation_id))

    def give_title(self, conversation_id: int, title: str) -> bool:
        """One that is better than the first words; nothing, and False, where a person has given one."""
        with transaction(self._connection) as connection:
            changed = connection.execute(
                "UPDATE conversations SET title = ? WHERE id = ? AND NOT title_is_own",
                (one_line(encodable(title)), conversation_id),
            )
        return changed.rowcount > 0

    def pin(self, conversation_id: int, is_pinned: bool = True) -> None:
        self._change(conversation_id, "is_pinned", is_pinned)

    def archive(self, conversation_id: int, is_archived: bool = True) -> None:
        self._change(conversation_id, "archived_at", time.time() if is_archived else None)

    def change_model(self, conversation_id: int, model_path: Path) -> None:
        self._change(conversation_id, "model_path", encodable(str(model_path)))

    def change_sampling(self, conversation_id: int, sampling: Sampling) -> None:
        self._change(conversation_id, "sampling", encoded(sampling))

    def change_options(self, conversation_id: int, options: TemplateOptions) -> None:
        self._change(conversation_id, "template_options", encoded(options))

    def change_when_full(self, conversation_id: int, when_full: WhenFull) -> None:
        self._change(conversation_id, "when_full", when_full)

    def change_system_prompt(self, conversation_id: int, system_prompt: str) -> None:
        self._change(conversation_id, "system_prompt", encodable(system_prompt))

    def delete(self, conversation_id: int) -> None:
        """Also what models have kept of it."""
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,))
        self._caches.delete(conversation_id)

    def _change(self, conversation_id: int, column: str, value: Any) -> None:
        with transaction(self._connection) as connection:
            connection.execute(
                f"UPDATE conversations SET {column} = ? WHERE id = ?", (value, conversation_id)
            )


def _first_words_of(connection: sqlite3.Connection, conversation_id: int) -> str:
    first = connection.execute(
        "SELECT id, text FROM messages WHERE conversation_id = ? AND role = 'user' ORDER BY id LIMIT 1",
        (conversation_id,),
    ).fetchone()
    if first is None:
        return ""
    files = attachment_heads(connection, [first["id"]])
    names = names_of([head for heads in files.values() for head in heads])
    return first_words(first["text"]) or first_words(names)
