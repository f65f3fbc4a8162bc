"""Conversations and messages in the database.

An answer is written while it streams: every batch of text is committed before it is shown, so
that a kill at any moment loses nothing a person has seen. What a dead writer left behind is found
when the store is opened, joined, and marked as cut off.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TypeVar

import msgspec

from app.chat.attachments import Attachment, AttachmentHead
from app.chat.attachments_store import attachment_heads, attachments_of, keep_attachments
from app.chat.kept_caches import KeptCaches
from app.core.text import encodable
from app.runtime.protocol import GenerationStatistics, PieceKind, Sampling, TemplateOptions, WhenFull
from app.storage import open_database, reading, transaction
from app.storage.processes import is_alive, this_process

T = TypeVar("T")

TITLE_CHARACTERS = 60
NO_OPTIONS = TemplateOptions()
WHEN_FULL: WhenFull = "stop"
"""Unless the person chose otherwise: a model that was not given what was agreed at the beginning answers as confidently
as before, so nothing is left out that nobody allowed to be. Jan came to the same (its pull requests 5268 and 5275): it
stops, and offers to go on there and then. A rolling window, as people have it in LM Studio, is that one click away."""


class MessageState(Enum):
    STREAMING = "streaming"
    COMPLETE = "complete"
    STOPPED = "stopped"
    """The person pressed Stop."""
    CUT_OFF = "cut_off"
    """Nibble or the runtime ended in the middle of it."""


@dataclass(frozen=True)
class Conversation:
    """`updated_at` and `created_at` in seconds since 1970. `when_full`: what happens where it outgrows the context."""

    id: int
    title: str
    model_path: Path
    system_prompt: str
    sampling: Sampling
    created_at: float
    updated_at: float
    options: TemplateOptions = NO_OPTIONS
    when_full: WhenFull = WHEN_FULL


@dataclass(frozen=True)
class Message:
    """`role` 'user' or 'assistant'. `attachments` go with prompts. The rest belongs to answers: `reasoning` is what
    the model thought before, for `reasoning_s` where that is known."""

    id: int
    role: str
    text: str
    state: MessageState
    created_at: float
    model_name: str | None = None
    quantization: str | None = None
    statistics: GenerationStatistics | None = None
    reasoning: str = ""
    reasoning_s: float | None = None
    attachments: tuple[AttachmentHead, ...] = ()


class ConversationStore:
    """One connection, for one thread. `close` it or use it as a context manager."""

    def __init__(self, database: Path) -> None:
        self._caches = KeptCaches(database)
        self._connection = open_database(database)

    def __enter__(self) -> ConversationStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

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
                ("", path, system_prompt, _encoded(sampling), _encoded(options), when_full, now, now),
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
        return _conversation(row)

    def conversations(self) -> list[Conversation]:
        """Those that hold a message, the one used last first."""
        with reading(self._connection) as connection:
            rows = connection.execute(
                "SELECT * FROM conversations WHERE id IN (SELECT conversation_id FROM messages)"
                " ORDER BY updated_at DESC, id DESC"
            ).fetchall()
        return [_conversation(row) for row in rows]

    def change_model(self, conversation_id: int, model_path: Path) -> None:
        with transaction(self._connection) as connection:
            connection.execute(
                "UPDATE conversations SET model_path = ? WHERE id = ?",
                (encodable(str(model_path)), conversation_id),
            )

    def change_sampling(self, conversation_id: int, sampling: Sampling) -> None:
        with transaction(self._connection) as connection:
            connection.execute(
                "UPDATE conversations SET sampling = ? WHERE id = ?",
                (_encoded(sampling), conversation_id),
            )

    def change_options(self, conversation_id: int, options: TemplateOptions) -> None:
        with transaction(self._connection) as connection:
            connection.execute(
                "UPDATE conversations SET template_options = ? WHERE id = ?",
                (_encoded(options), conversation_id),
            )

    def change_when_full(self, conversation_id: int, when_full: WhenFull) -> None:
        with transaction(self._connection) as connection:
            connection.execute(
                "UPDATE conversations SET when_full = ? WHERE id = ?", (when_full, conversation_id)
            )

    def change_system_prompt(self, conversation_id: int, system_prompt: str) -> None:
        with transaction(self._connection) as connection:
            connection.execute(
                "UPDATE conversations SET system_prompt = ? WHERE id = ?",
                (encodable(system_prompt), conversation_id),
            )

    def exists(self, conversation_id: int) -> bool:
        with reading(self._connection) as connection:
            found = connection.execute("SELECT 1 FROM conversations WHERE id = ?", (conversation_id,))
            return found.fetchone() is not None

    def delete(self, conversation_id: int) -> None:
        """Also what models have kept of it."""
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,))
        self._caches.delete(conversation_id)

    def messages(self, conversation_id: int) -> list[Message]:
        """In order. A streaming answer shows the text that has arrived."""
        # One state of the database: an answer that ends between two reads would have lost its pieces.
        with reading(self._connection) as connection:
            connection.execute("BEGIN")
            try:
                rows = connection.execute(
                    "SELECT * FROM messages WHERE conversation_id = ? ORDER BY id", (conversation_id,)
                )
                heads = attachment_heads(connection, conversation_id)
                return [
                    replace(message, attachments=heads.get(message.id, ()))
                    for message in map(self._message, rows)
                ]
            finally:
                connection.execute("COMMIT")

    def attachments_of(self, messages: Sequence[Message]) -> dict[int, tuple[Attachment, ...]]:
        """What goes with them, with the texts, by the ids of those that have any."""
        with reading(self._connection) as connection:
            return {
                message.id: attachments_of(connection, message.id)
                for message in messages
                if message.attachments
            }

    def add_prompt(self, conversation_id: int, text: str, attachments: Sequence[Attachment] = ()) -> Message:
        """Keeps what the person wrote, and what goes with it; the first prompt gives the conversation its title."""
        text, heads = encodable(text), tuple(attachment.head for attachment in attachments)
        now = time.time()
        with transaction(self._connection) as connection:
            cursor = connection.execute(
                "INSERT INTO messages (conversation_id, role, text, state, created_at) VALUES (?, 'user', ?, ?, ?)",
                (conversation_id, text, MessageState.COMPLETE.value, now),
            )
            connection.execute(
                "UPDATE conversations SET updated_at = ?, title = CASE title WHEN '' THEN ? ELSE title END"
                " WHERE id = ?",
                (now, _title(text or ", ".join(head.name for head in heads)), conversation_id),
            )
            assert cursor.lastrowid is not None
            keep_attachments(connection, cursor.lastrowid, attachments)
        return Message(cursor.lastrowid, "user", text, MessageState.COMPLETE, now, attachments=heads)

    def begin_answer(self, conversation_id: int, model_name: str, quantization: str | None) -> AnswerWriter:
        with transaction(self._connection) as connection:
            cursor = connection.execute(
                "INSERT INTO messages (conversation_id, role, state, writer, model_name, quantization, created_at)"
                " VALUES (?, 'assistant', ?, ?, ?, ?, ?)",
                (
                    conversation_id,
                    MessageState.STREAMING.value,
                    this_process(),
                    model_name,
                    quantization,
                    time.time(),
                ),
            )
        assert cursor.lastrowid is not None
        return AnswerWriter(self, cursor.lastrowid)

    def recover(self) -> int:
        """Marks answers whose writer is no longer alive as cut off; returns how many."""
        with reading(self._connection) as connection:
            rows = connection.execute(
                "SELECT id, writer FROM messages WHERE state = ?", (MessageState.STREAMING.value,)
            ).fetchall()
        orphans = [row["id"] for row in rows if not is_alive(row["writer"])]
        for message_id in orphans:
            self.end_answer(message_id, MessageState.CUT_OFF, None)
        return len(orphans)

    def append_piece(self, message_id: int, position: int, text: str, kind: PieceKind) -> None:
        with transaction(self._connection) as connection:
            connection.execute(
                "INSERT INTO message_pieces (message_id, position, text, kind) VALUES (?, ?, ?, ?)",
                (message_id, position, text, kind),
            )

    def end_answer(
        self,
        message_id: int,
        state: MessageState,
        statistics: GenerationStatistics | None,
        reasoning_s: float | None = None,
    ) -> Message | None:
        """Joins the pieces. An answer without a word is removed: there is nothing to keep."""
        with transaction(self._connection) as connection:
            text, reasoning = self._pieces(message_id, "answer"), self._pieces(message_id, "reasoning")
            if not text and not reasoning and state is not MessageState.COMPLETE:
                connection.execute("DELETE FROM messages WHERE id = ?", (message_id,))
                return None
            connection.execute(
                "UPDATE messages SET text = ?, reasoning = ?, reasoning_s = ?, state = ?, statistics = ?,"
                " writer = NULL WHERE id = ?",
                (
                    text,
                    reasoning,
                    reasoning_s,
                    state.value,
                    _encoded(statistics) if statistics else None,
                    message_id,
                ),
            )
            connection.execute("DELETE FROM message_pieces WHERE message_id = ?", (message_id,))
            connection.execute(
                "UPDATE conversations SET updated_at = ?"
                " WHERE id = (SELECT conversation_id FROM messages WHERE id = ?)",
                (time.time(), message_id),
            )
            row = connection.execute("SELECT * FROM messages WHERE id = ?", (message_id,)).fetchone()
        return self._message(row)

    def _message(self, row: sqlite3.Row) -> Message:
        state = MessageState(row["state"])
        statistics = row["statistics"]
        streaming = state is MessageState.STREAMING
        return Message(
            id=row["id"],
            role=row["role"],
            text=self._pieces(row["id"], "answer") if streaming else row["text"],
            state=state,
            created_at=row["created_at"],
            model_name=row["model_name"],
            quantization=row["quantization"],
            statistics=_decoded(statistics, GenerationStatistics) if statistics else None,
            reasoning=self._pieces(row["id"], "reasoning") if streaming else row["reasoning"],
            reasoning_s=row["reasoning_s"],
        )

    def _pieces(self, message_id: int, kind: PieceKind) -> str:
        rows = self._connection.execute(
            "SELECT text FROM message_pieces WHERE message_id = ? AND kind = ? ORDER BY position",
            (message_id, kind),
        )
        return "".join(row["text"] for row in rows)


class AnswerWriter:
    """Writes one answer as it arrives."""

    def __init__(self, store: ConversationStore, message_id: int) -> None:
        self.message_id = message_id
        self._store = store
        self._position = 0
        self._thinking = _ThinkingTime()

    def append(self, text: str, kind: PieceKind = "answer") -> None:
        """The time from the first piece of reasoning to the answer is that of thinking."""
        self._store.append_piece(self.message_id, self._position, text, kind)
        self._position += 1
        self._thinking.note(kind)

    def finish(self, state: MessageState, statistics: GenerationStatistics | None = None) -> Message | None:
        return self._store.end_answer(self.message_id, state, statistics, self._thinking.end())


class _ThinkingTime:
    """From the first word of reasoning to the first of the answer, or the end."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._took_s: float | None = None

    def note(self, kind: PieceKind) -> None:
        if kind == "reasoning" and self._since is None:
            self._since = time.monotonic()
        elif kind == "answer" and self._took_s is None:
            self.end()

    def end(self) -> float | None:
        """Seconds; None where there was no reasoning."""
        if self._took_s is None and self._since is not None:
            self._took_s = time.monotonic() - self._since
        return self._took_s


def _conversation(row: sqlite3.Row) -> Conversation:
    return Conversation(
        id=row["id"],
        title=row["title"],
        model_path=Path(row["model_path"]),
        system_prompt=row["system_prompt"],
        sampling=_decoded(row["sampling"], Sampling) or Sampling(),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        options=_decoded(row["template_options"], TemplateOptions) or NO_OPTIONS,
        when_full="drop_oldest" if row["when_full"] == "drop_oldest" else "stop",
    )


def _encoded(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()


def _decoded(document: str, kind: type[T]) -> T | None:
    """None for what another version of Nibble wrote in a form this one does not know."""
    try:
        return msgspec.json.decode(document, type=kind)
    except msgspec.DecodeError:  # ValidationError is one, too
        return None


def _title(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1].rstrip() + "…"
