"""The index that conversations are searched with, made of the messages in the background.

FTS5's table `search_index` has a row for each slice of a message (its text, its reasoning, its attachments) and of a
title. What has to be read anew stands in `search_queue`, where triggers put it: so it costs a message next to nothing
to be saved, whoever saves it, and the index goes on where a kill stopped it. Rows that are gone leave the index by
triggers at once.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from app.chat.search_words import indexed
from app.core.errors import EnvironmentFault
from app.storage import reading, transaction

SLICE = 32_768
"""Characters of each column in a row. All words of a search have to be in one slice; what is looked through for the
words of a hit, and what is read in one go, is never more."""
_OVERLAP = 200
SLICE_BITS = 8
"""Lowest bits of a row's number, which say which slice it is; the others are the key: so the rows of a key lie
together."""
_SLICES = 1 << SLICE_BITS
_MOST_BESIDE = 8 * SLICE
"""Of a message's reasoning, and of its attachments: a book that goes with a question is not what was said."""
_BATCH_CHARACTERS = 100_000
_OLD_INDEX = "words_of_messages"
_OLD_ROWS = 50


@dataclass(frozen=True)
class IndexProgress:
    """Messages and titles."""

    done: int
    total: int

    @property
    def is_whole(self) -> bool:
        return self.done >= self.total


@dataclass(frozen=True)
class Slice:
    """Of a message, or of a title, which is its `text`. `names`: where in `attachments` each begins, and what it is
    called."""

    text: str
    reasoning: str = ""
    attachments: str = ""
    names: tuple[tuple[int, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text or self.reasoning or self.attachments)


class SearchIndex:
    """Part of `ConversationStore`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def index_some(self, within_s: float) -> bool:
        """Reads what is new into the index, in one transaction of about that long. False where
        nothing is left to do. Raises as `transaction`."""
        with reading(self._connection) as connection:
            if not _is_work_left(connection):
                return False
        until = time.perf_counter() + within_s
        with transaction(self._connection) as connection:
            characters = 0
            while time.perf_counter() < until and characters < _BATCH_CHARACTERS:
                read = _index_next(connection)
                if read is None:
                    # With the queue empty: nobody searches the old one, so it can wait.
                    return _erase_old_index(connection) if not characters else True
                characters += read + 1
        return True

    def index_now(self, within_s: float) -> None:
        """As much as can be done within that time; nothing where the disk does not let it, or somebody else writes."""
        until = time.perf_counter() + within_s
        try:
            while (left := until - time.perf_counter()) > 0 and self.index_some(min(left, within_s / 3)):
                pass
        except EnvironmentFault:
            return  # who searches can do without the latest; who saves will be told

    def index_progress(self) -> IndexProgress:
        with reading(self._connection) as connection:
            left, total = connection.execute(
                "SELECT (SELECT count(*) FROM search_queue),"
                " (SELECT count(*) FROM messages) + (SELECT count(*) FROM conversations)"
            ).fetchone()
        return IndexProgress(max(0, total - left), total)


def slice_of(connection: sqlite3.Connection, row: int) -> Slice:
    """What a row of the index was made of, as it is now; empty where there is none."""
    key, part = divmod(row, _SLICES)
    begin, length = part * SLICE, SLICE + _OVERLAP
    if key < 0:
        title = connection.execute(
            "SELECT substr(title, ?, ?) FROM conversations WHERE id = ?", (begin + 1, length, -key)
        ).fetchone()
        return Slice(title[0] if title else "")
    message = connection.execute(
        "SELECT substr(text, ?1, ?2), substr(reasoning, ?1, ?2) FROM messages WHERE id = ?3",
        (begin + 1, length, key),
    ).fetchone()
    if message is None:
        return Slice("")
    text, reasoning = message
    if begin >= _MOST_BESIDE:
        return Slice(text)
    attachments, names = _attachments(connection, key)
    before = [(at, name) for at, name in names if at <= begin][-1:]
    within = [(at, name) for at, name in names if begin < at < begin + length]
    return Slice(
        text,
        reasoning,
        attachments[begin : begin + length],
        tuple((max(0, at - begin), name) for at, name in before + within),
    )


def queue_everything(connection: sqlite3.Connection) -> None:
    """The whole index has to be made anew."""
    connection.execute("DELETE FROM search_index")
    connection.execute("DELETE FROM search_queue")
    connection.execute(
        "INSERT INTO search_queue (key) SELECT id FROM messages UNION ALL SELECT -id FROM conversations"
    )


def _attachments(connection: sqlite3.Connection, message_id: int) -> tuple[str, list[tuple[int, str]]]:
    """One behind the other, each with its name before it, and where each begins."""
    joined, names = "", []
    rows = connection.execute(
        "SELECT name, substr(text, 1, ?) FROM attachments WHERE message_id = ? ORDER BY position",
        (_MOST_BESIDE, message_id),
    )
    for name, text in rows:
        if len(joined) >= _MOST_BESIDE:
            break
        names.append((len(joined), name))
        joined += f"{name}\n{text}\n"
    return joined[:_MOST_BESIDE], names


def _is_work_left(connection: sqlite3.Connection) -> bool:
    return bool(
        connection.execute(
            "SELECT EXISTS (SELECT 1 FROM search_queue) OR EXISTS (SELECT 1 FROM sqlite_master WHERE name = ?)",
            (_OLD_INDEX,),
        ).fetchone()[0]
    )


def _index_next(connection: sqlite3.Connection) -> int | None:
    """The next slice, of titles before messages; how many characters it has, None where
    nothing is left."""
    # Upwards: at a lower number than the one before, FTS5 writes out what it has gathered, row by row.
    waiting = connection.execute("SELECT key, slice FROM search_queue ORDER BY key LIMIT 1").fetchone()
    if waiting is None:
        return None
    key, part = waiting
    row = key * _SLICES + part
    new = slice_of(connection, row)
    if _has_rows(connection, row, row):
        connection.execute("DELETE FROM search_index WHERE rowid = ?", (row,))
    if new:
        connection.execute(
            "INSERT INTO search_index (rowid, text, reasoning, attachments) VALUES (?, ?, ?, ?)",
            (row, indexed(new.text), indexed(new.reasoning), indexed(new.attachments)),
        )
    if part + 1 < _SLICES and (_has_more(new) or _has_rows(connection, row + 1, (key + 1) * _SLICES - 1)):
        connection.execute("UPDATE search_queue SET slice = slice + 1 WHERE key = ?", (key,))
    else:
        connection.execute("DELETE FROM search_queue WHERE key = ?", (key,))
    return len(new.text) + len(new.reasoning) + len(new.attachments)


def _has_more(one: Slice) -> bool:
    return max(len(one.text), len(one.reasoning), len(one.attachments)) > SLICE


def _has_rows(connection: sqlite3.Connection, first: int, last: int) -> bool:
    # Of the table beside the index: FTS5 writes out all that it has gathered when somebody reads its own.
    return bool(
        connection.execute(
            "SELECT EXISTS (SELECT 1 FROM search_index_docsize WHERE id BETWEEN ? AND ?)", (first, last)
        ).fetchone()[0]
    )


def _erase_old_index(connection: sqlite3.Connection) -> bool:
    """Some rows of the index that was there before; to drop all at once would take a second, in which nobody can save.
    Whether there may be more."""
    data = f"{_OLD_INDEX}_data"
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (data,)).fetchone():
        return False
    # Not the first ten: without them FTS5 does not know the table any more, and could not drop it.
    erased = connection.execute(
        f"DELETE FROM {data} WHERE id IN (SELECT id FROM {data} WHERE id > 10 LIMIT {_OLD_ROWS})"
    )
    if erased.rowcount == 0:
        connection.execute(f"DROP TABLE {_OLD_INDEX}")
    return True
