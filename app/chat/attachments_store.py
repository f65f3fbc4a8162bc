"""Attachments in the database: each belongs to a message and goes with it.

Functions over the connection of a `ConversationStore`; those that write belong into a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from app.chat.attachments import Attachment, AttachmentHead
from app.core.text import encodable

_HEAD = "message_id, name, media_type, size_bytes, tokens, remark"


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
    connection: sqlite3.Connection, conversation_id: int
) -> Mapping[int, tuple[AttachmentHead, ...]]:
    """Of all messages of a conversation that have any, by the message's id."""
    rows = connection.execute(
        f"SELECT {_HEAD} FROM attachments"
        " WHERE message_id IN (SELECT id FROM messages WHERE conversation_id = ?) ORDER BY message_id, position",
        (conversation_id,),
    )
    found: dict[int, tuple[AttachmentHead, ...]] = {}
    for row in rows:
        found[row["message_id"]] = (*found.get(row["message_id"], ()), _head(row))
    return found


def attachments_of(connection: sqlite3.Connection, message_id: int) -> tuple[Attachment, ...]:
    """With their texts."""
    rows = connection.execute(
        f"SELECT {_HEAD}, text FROM attachments WHERE message_id = ? ORDER BY position", (message_id,)
    )
    return tuple(Attachment(_head(row), row["text"]) for row in rows)


def _head(row: sqlite3.Row) -> AttachmentHead:
    return AttachmentHead(row["name"], row["media_type"], row["size_bytes"], row["tokens"], row["remark"])
