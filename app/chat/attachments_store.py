"""Attachments in the database: each belongs to a message and goes with it.

The functions are over the connection of a `ConversationStore`; those that write belong into a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from app.chat.attachments import Attachment, AttachmentHead
from app.chat.records import Message
from app.core.text import encodable
from app.storage import reading

_HEAD = "message_id, name, media_type, size_bytes, tokens, remark"


class Attachments:
    """Part of `ConversationStore`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def attachments_of(self, messages: Sequence[Message]) -> dict[int, tuple[Attachment, ...]]:
        """What goes with them, with the texts, by the ids of those that have any."""
        with reading(self._connection) as connection:
            return {each.id: _attachments_of(connection, each.id) for each in messages if each.attachments}


def keep_attachments(
    connection: sqlite3.Connection, message_id: int, attachments: Sequence[Attachment]
) -> None:
    connection.executemany(
        f"INSERT INTO attachments ({_HEAD}, position, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                message_id,
                encodable(attachment.head.name),
                attachment.head.media_type,
                attachment.head.size_bytes,
                attachment.head.tokens,
                attachment.head.remark,
                position,
                encodable(attachment.text),
            )
            for position, attachment in enumerate(attachments)
        ],
    )


def copy_attachments(connection: sqlite3.Connection, source_id: int, target_id: int) -> None:
    """Those of one message to another that has none, such as its edited successor."""
    connection.execute(
        f"INSERT INTO attachments ({_HEAD}, position, text)"
        " SELECT ?, name, media_type, size_bytes, tokens, remark, position, text FROM attachments"
        " WHERE message_id = ?",
        (target_id, source_id),
    )


def attachment_heads(
    connection: sqlite3.Connection, message_ids: Sequence[int]
) -> Mapping[int, tuple[AttachmentHead, ...]]:
    """By the ids of those messages that have any."""
    rows = connection.execute(
        f"SELECT {_HEAD} FROM attachments WHERE message_id IN (SELECT value FROM json_each(?))"
        " ORDER BY message_id, position",
        (msgspec.json.encode(message_ids).decode(),),
    )
    found: dict[int, tuple[AttachmentHead, ...]] = {}
    for row in rows:
        found[row["message_id"]] = (*found.get(row["message_id"], ()), _head(row))
    return found


def names_of(heads: Sequence[AttachmentHead]) -> str:
    """For the title of a conversation that begins with files alone."""
    return ", ".join(head.name for head in heads)


def _attachments_of(connection: sqlite3.Connection, message_id: int) -> tuple[Attachment, ...]:
    rows = connection.execute(
        f"SELECT {_HEAD}, text FROM attachments WHERE message_id = ? ORDER BY position", (message_id,)
    )
    return tuple(Attachment(_head(row), row["text"]) for row in rows)


def _head(row: sqlite3.Row) -> AttachmentHead:
    return AttachmentHead(row["name"], row["media_type"], row["size_bytes"], row["tokens"], row["remark"])
