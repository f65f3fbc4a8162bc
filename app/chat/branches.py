"""The messages of a conversation: a tree, of which one branch is shown.

Nothing is overwritten: an edit and another answer are siblings of what was there before. Of siblings, the one with the
greatest number in `shown` is on the branch: it was written or asked for last.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from app.chat.attachments import Attachment, AttachmentHead
from app.chat.attachments_store import attachment_heads, copy_attachments, keep_attachments, names_of
from app.chat.checksums import check_message
from app.chat.records import Message, MessageState, message_of
from app.chat.titles import first_words
from app.chat.tool_calls import encoded_calls
from app.chat.tree import Tree, conversation_with, insert_message
from app.core.text import encodable
from app.runtime.protocol import PieceKind
from app.storage import reading, transaction


class Branches:
    """Part of `ConversationStore`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def messages(self, conversation_id: int) -> list[Message]:
        """Those of the branch that is shown, in order. A streaming answer shows the text that has arrived."""
        with self._one_state() as connection:
            tree = Tree(connection, conversation_id)
            return self._read(tree.shown_below(None), tree)

    def all_messages(self, conversation_id: int) -> list[Message]:
        """Those of every branch, in the order they were written."""
        with self._one_state() as connection:
            tree = Tree(connection, conversation_id)
            return self._read(sorted(tree.parents), tree)

    def message(self, message_id: int) -> Message:
        """Of any branch. Raises KeyError."""
        with self._one_state() as connection:
            conversation_id = conversation_with(connection, message_id)
            return self._read([message_id], Tree(connection, conversation_id))[0]

    def branch_to(self, message_id: int) -> list[Message]:
        """All from the first message to this one, whether they are shown or not. Raises KeyError."""
        with self._one_state() as connection:
            tree = Tree(connection, conversation_with(connection, message_id))
            return self._read(tree.path_to(message_id), tree)

    def conversation_with(self, message_id: int) -> int:
        """Raises KeyError."""
        with reading(self._connection) as connection:
            return conversation_with(connection, message_id)

    def show(self, message_id: int) -> None:
        """Makes its branch the shown one; below it, what was shown there last. Raises KeyError."""
        with transaction(self._connection) as connection:
            tree = Tree(connection, conversation_with(connection, message_id))
            for each in tree.path_to(message_id):
                connection.execute(
                    "UPDATE messages SET shown = ? WHERE id = ?", (tree.next_shown(tree.parents[each]), each)
                )

    def add_prompt(self, conversation_id: int, text: str, attachments: Sequence[Attachment] = ()) -> Message:
        """Keeps what the person wrote and what goes with it, at the end of the branch that is shown; the first prompt
        gives the conversation its title."""
        text, now = encodable(text), time.time()
        heads = [attachment.head for attachment in attachments]
        with transaction(self._connection) as connection:
            tree = Tree(connection, conversation_id)
            parent = next(reversed(tree.shown_below(None)), None)
            message_id = insert_message(
                connection, conversation_id, tree, parent, {"role": "user", "text": text, "created_at": now}
            )
            title = "" if tree.parents else first_words(text) or first_words(names_of(heads))
            connection.execute(
                "UPDATE conversations SET updated_at = ?, title = CASE title WHEN '' THEN ? ELSE title END"
                " WHERE id = ?",
                (now, title, conversation_id),
            )
            keep_attachments(connection, message_id, attachments)
        return self.message(message_id)

    def edit(self, message_id: int, text: str) -> Message:
        """A sibling of that message with another text, which is shown from now on. It has the same attachments; of an
        answer it keeps the calls of tools, the model's name and what it was written with. Raises KeyError."""
        text, now = encodable(text), time.time()
        with transaction(self._connection) as connection:
            conversation_id = conversation_with(connection, message_id)
            tree = Tree(connection, conversation_id)
            old = self._read([message_id], tree)[0]
            values: dict[str, object] = {"role": old.role, "text": text, "created_at": now}
            if old.role == "assistant":
                values |= {"is_edited": True, "reasoning": old.reasoning, "reasoning_s": old.reasoning_s}
                values |= {"model_name": old.model_name, "quantization": old.quantization}
                values["tool_calls"] = encoded_calls(old.tool_calls)
                if old.written_with is not None:
                    values["written_with"] = msgspec.json.encode(old.written_with).decode()
            edited = insert_message(connection, conversation_id, tree, old.parent, values)
            copy_attachments(connection, message_id, edited)
            connection.execute("UPDATE conversations SET updated_at = ? WHERE id = ?", (now, conversation_id))
        return self.message(edited)

    @contextmanager
    def _one_state(self) -> Iterator[sqlite3.Connection]:
        """Of the database: an answer that ends between two reads would have lost its pieces."""
        with reading(self._connection) as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("COMMIT")

    def _read(self, message_ids: Iterable[int], tree: Tree) -> list[Message]:
        wanted = list(message_ids)
        heads = attachment_heads(self._connection, wanted)
        rows = self._connection.execute(
            "SELECT messages.* FROM json_each(?) AS wanted JOIN messages ON messages.id = wanted.value"
            " ORDER BY wanted.key",
            (msgspec.json.encode(wanted).decode(),),
        )
        return [self._message(row, tree, heads.get(row["id"], ())) for row in rows]

    def _message(self, row: sqlite3.Row, tree: Tree, heads: tuple[AttachmentHead, ...]) -> Message:
        check_message(row, self._connection)
        siblings = tuple(tree.children[tree.parents[row["id"]]])
        if row["state"] != MessageState.STREAMING.value:
            return message_of(row, siblings, heads)
        return message_of(
            row, siblings, heads, self._pieces(row["id"], "answer"), self._pieces(row["id"], "reasoning")
        )

    def _pieces(self, message_id: int, kind: PieceKind) -> str:
        rows = self._connection.execute(
            "SELECT text FROM message_pieces WHERE message_id = ? AND kind = ? ORDER BY position",
            (message_id, kind),
        )
        return "".join(row["text"] for row in rows)
