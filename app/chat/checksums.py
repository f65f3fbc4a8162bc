"""A checksum beside each message, in its own row: a byte that was overwritten in the middle of a text leaves the
database as sound as it was, and so SQLite does not see it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from zlib import crc32

from app.core.errors import DatabaseDamaged
from app.storage.damage import SQLITE_ERRORS, note_damage
from app.storage.database import path_of

_COVERED = ("conversation_id", "role", "text", "reasoning", "tool_calls")
_NEW = ", ".join(f"NEW.{column}" for column in _COVERED)


def keep_checksums(connection: sqlite3.Connection) -> None:
    """From now on, of what this connection writes. Triggers of the connection and not of the database: other programs,
    which do not have the function, can still write to it."""
    _add_function(connection)
    for event in ("INSERT", f"UPDATE OF {', '.join(_COVERED)}"):
        connection.execute(
            f"""
            CREATE TEMP TRIGGER checksum_{event.split()[0].lower()} AFTER {event} ON main.messages BEGIN
                UPDATE messages SET checksum = message_checksum({_NEW}) WHERE id = NEW.id;
            END
            """
        )


def check_message(row: sqlite3.Row, connection: sqlite3.Connection) -> None:
    """Raises DatabaseDamaged for one whose text is not what was written; the next start recovers the others."""
    if row["checksum"] is not None and row["checksum"] != _checksum(*(row[column] for column in _COVERED)):
        database = path_of(connection)
        note_damage(database)
        raise DatabaseDamaged(
            f"Nibble's database {database} is damaged: a message is not as it was written.",
            "Close Nibble and start it again: what can be read will be recovered, and the damaged file kept.",
        )


def drop_unlike(connection: sqlite3.Connection) -> None:
    """Deletes messages that are not as they were written."""
    _add_function(connection)
    connection.execute(f"DELETE FROM messages WHERE {_unlike(connection)}")


def are_all_alike(database: Path) -> bool:
    """Whether every message is as it was written; True also where that cannot be told."""
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            _add_function(connection)
            found = connection.execute(
                f"SELECT 1 FROM messages WHERE {_unlike(connection)} LIMIT 1"
            ).fetchone()
            return found is None
    except SQLITE_ERRORS:
        return True


def _unlike(connection: sqlite3.Connection) -> str:
    """The condition for messages that are not as they were written; an older database lacks some of the columns."""
    present = {row[1] for row in connection.execute("PRAGMA table_info(messages)")}
    if "checksum" not in present:
        return "FALSE"
    covered = (column if column in present else "''" for column in _COVERED)
    return f"checksum IS NOT NULL AND checksum <> message_checksum({', '.join(covered)})"


def _add_function(connection: sqlite3.Connection) -> None:
    connection.create_function("message_checksum", len(_COVERED), _checksum, deterministic=True)


def _checksum(*covered: int | str) -> int:
    # Without calls of tools as before there were any: those checksums still hold.
    values = covered if covered[-1] else covered[:-1]
    return crc32("\0".join(map(str, values)).encode("utf-8", "surrogatepass"))
