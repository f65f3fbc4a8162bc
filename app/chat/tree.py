"""Who follows whom in a conversation: the rows of the database without their texts.

Of siblings, the one with the greatest number in `shown` is on the branch that is shown: it was written or asked for
last.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict

from app.chat.records import MessageState


class Tree:
    """Who follows whom in a conversation. `children` of a message, or of None, in the order they were written."""

    def __init__(self, connection: sqlite3.Connection, conversation_id: int) -> None:
        rows = connection.execute(
            "SELECT id, parent_id, shown FROM messages WHERE conversation_id = ?", (conversation_id,)
        ).fetchall()
        self.parents: dict[int, int | None] = {}
        self.children: defaultdict[int | None, list[int]] = defaultdict(list)
        self._shown: dict[int, int] = {}
        for row in sorted(rows, key=lambda each: int(each["id"])):
            # Where the one before it is lost, in a damaged database, a message is taken for a first one.
            parent = row["parent_id"] if row["parent_id"] in self.parents else None
            self.parents[row["id"]] = parent
            self.children[parent].append(row["id"])
            self._shown[row["id"]] = row["shown"]

    def shown_below(self, message_id: int | None) -> list[int]:
        """The branch that is shown behind a message; behind None all of it."""
        branch: list[int] = []
        while followers := self.children.get(message_id):
            message_id = max(followers, key=lambda each: (self._shown[each], each))
            branch.append(message_id)
        return branch

    def path_to(self, message_id: int) -> list[int]:
        path: list[int] = []
        at: int | None = message_id
        while at is not None:
            path.append(at)
            at = self.parents[at]
        return path[::-1]

    def next_shown(self, parent: int | None) -> int:
        """What makes a child of `parent` the one that is shown."""
        return max((self._shown[each] for each in self.children.get(parent, ())), default=0) + 1


def insert_message(
    connection: sqlite3.Connection,
    conversation_id: int,
    tree: Tree,
    parent: int | None,
    values: dict[str, object],
) -> int:
    """`values` of the columns; `state` is 'complete' where it is not among them. The new message is shown."""
    columns = {
        "conversation_id": conversation_id,
        "parent_id": parent,
        "shown": tree.next_shown(parent),
        "state": MessageState.COMPLETE.value,
        **values,
    }
    cursor = connection.execute(
        f"INSERT INTO messages ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
        tuple(columns.values()),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def conversation_with(connection: sqlite3.Connection, message_id: int) -> int:
    """Raises KeyError."""
    row = connection.execute("SELECT conversation_id FROM messages WHERE id = ?", (message_id,)).fetchone()
    if row is None:
        raise KeyError(message_id)
    return int(row["conversation_id"])
