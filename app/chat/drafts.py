"""What a person has begun to write and not sent, and what is to go with it, of each conversation and of the next new
one."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

import msgspec

from app.chat.attachments import Attachment, AttachmentHead
from app.core.text import encodable
from app.storage import reading, transaction

_IS_THERE = "(?1 IS NULL OR EXISTS (SELECT 1 FROM conversations WHERE id = ?1))"


@dataclass(frozen=True)
class DraftAttachment:
    """`is_pasted`: it came from the clipboard."""

    id: int
    attachment: Attachment
    is_pasted: bool


class Drafts:
    """Part of `ConversationStore`. A conversation None is one that has not begun; nothing is kept for one that is
    gone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def draft(self, conversation_id: int | None) -> str:
        with reading(self._connection) as connection:
            row = connection.execute(
                "SELECT text FROM drafts WHERE conversation_id IS ?", (conversation_id,)
            ).fetchone()
        return row["text"] if row else ""

    def keep_draft(self, conversation_id: int | None, text: str) -> None:
        """In the place of what was kept."""
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM drafts WHERE conversation_id IS ?", (conversation_id,))
            if text:
                connection.execute(
                    f"INSERT INTO drafts (conversation_id, text) SELECT ?1, ?2 WHERE {_IS_THERE}",
                    (conversation_id, encodable(text)),
                )

    def draft_attachments(self, conversation_id: int | None) -> list[DraftAttachment]:
        """In the order they came."""
        with reading(self._connection) as connection:
            rows = connection.execute(
                "SELECT * FROM draft_attachments WHERE conversation_id IS ? ORDER BY id", (conversation_id,)
            ).fetchall()
        return [_attachment_of(row) for row in rows]

    def add_draft_attachment(
        self, conversation_id: int | None, attachment: Attachment, *, is_pasted: bool
    ) -> int | None:
        """The number it is kept under."""
        head = attachment.head
        with transaction(self._connection) as connection:
            made = connection.execute(
                "INSERT INTO draft_attachments"
                " (conversation_id, name, media_type, size_bytes, remark, is_pasted, text)"
                f" SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE {_IS_THERE}",
                (
                    conversation_id,
                    encodable(head.name),
                    head.media_type,
                    head.size_bytes,
                    head.remark,
                    is_pasted,
                    encodable(attachment.text),
                ),
            )
            return made.lastrowid if made.rowcount else None

    def change_draft_attachment(self, number: int, attachment: Attachment) -> None:
        """Another text of the same file, such as its beginning."""
        with transaction(self._connection) as connection:
            connection.execute(
                "UPDATE draft_attachments SET remark = ?, text = ? WHERE id = ?",
                (attachment.head.remark, encodable(attachment.text), number),
            )

    def drop_draft_attachments(self, numbers: Collection[int]) -> None:
        with transaction(self._connection) as connection:
            connection.execute(
                "DELETE FROM draft_attachments WHERE id IN (SELECT value FROM json_each(?))",
                (msgspec.json.encode(list(numbers)).decode(),),
            )


def _attachment_of(row: sqlite3.Row) -> DraftAttachment:
    head = AttachmentHead(row["name"], row["media_type"], row["size_bytes"], None, row["remark"])
    return DraftAttachment(row["id"], Attachment(head, row["text"]), bool(row["is_pasted"]))
