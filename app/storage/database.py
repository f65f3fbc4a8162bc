"""The SQLite database: opening it, bringing it up to date, reading, and transactions.

One connection belongs to one thread. WAL with `synchronous=NORMAL`: what was committed survives
the death of the process (it is with the operating system), which is what chat streaming needs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from app.core.errors import DatabaseDamaged, DataFolderFault, DiskFull
from app.storage.damage import SQLITE_ERRORS, is_damage, note_damage
from app.storage.migrations import applied, migrate, refuse_unknown

_DISK_FAMILIES = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
)
"""Result codes that speak of the file or the disk and not of our statements."""
_TAKEN_FAMILIES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_WAIT_S = 1.0
"""For another program's transaction. The window waits with it, and ours take milliseconds."""


def open_database(path: Path) -> sqlite3.Connection:
    """Opens (or makes) the database and applies the migrations it lacks.

    Raises DataFolderFault when the file is no database, is from a newer Nibble, is held by another
    program, or its folder cannot be written.
    """
    try:
        connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
    except sqlite3.Error as error:
        raise fault_of(error, path) from error
    connection.row_factory = sqlite3.Row
    try:
        refuse_unknown(applied(connection))  # before anything could be written to it
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        # What is deleted is gone from the file: what a person deletes, and for `app.storage.recovery` old versions of
        # rows, which it could not tell from their last one.
        connection.execute("PRAGMA secure_delete = ON")
        migrate(connection)
    except SQLITE_ERRORS as error:
        connection.close()
        if is_damage(error):
            note_damage(path)
        raise fault_of(error, path) from error
    except DataFolderFault:
        _close_untouched(connection, path)
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of it or nothing of it. Raises DiskFull, and DataFolderFault where the disk fails
    or another program holds the database.
    """
    with reading(connection):
        # IMMEDIATE: take the write lock now and wait for it here, not fail at the first write.
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # on a full disk SQLite has rolled back already
                connection.execute("ROLLBACK")
            raise


@contextmanager
def reading(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """For statements, and their rows to the last. Raises as `transaction` does."""
    try:
        yield connection
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        code = _family(error)
        if code == sqlite3.SQLITE_FULL:
            raise DiskFull(
                f"The disk is full: nothing can be written to Nibble's database in {path_of(connection).parent}.",
                "Free some space, then try again.",
            ) from error
        if is_damage(error):
            note_damage(path_of(connection))
        if code in _DISK_FAMILIES + _TAKEN_FAMILIES or is_damage(error):
            raise fault_of(error, path_of(connection)) from error
        raise


def _close_untouched(connection: sqlite3.Connection, path: Path) -> None:
    """The last connection to close writes the log into the file, unless it may only read."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as reader,
    ):
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.close()
    connection.close()


def path_of(connection: sqlite3.Connection) -> Path:
    """The file it has open."""
    # Not the table-valued function of that name: for a SELECT, SQLite reads the schema, which may be what is damaged.
    return Path(next(row[2] for row in connection.execute("PRAGMA database_list") if row[1] == "main"))


def _family(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)) & 0xFF  # the low byte


def fault_of(error: Exception, path: Path) -> DataFolderFault:
    if _family(error) in _TAKEN_FAMILIES:
        return DataFolderFault(
            "Another program is using Nibble's database.", "Close the other one or try again."
        )
    if is_damage(error):
        return DatabaseDamaged(
            f"Nibble's database {path} is damaged: {_words_of(error)}.",
            "Close Nibble and start it again: what can be read will be recovered, and the damaged file kept.",
        )
    return DataFolderFault(
        f"Nibble's database {path} cannot be used: {error}.",
        "Check that the folder can be written, then start Nibble again.",
    )


def _words_of(error: Exception) -> str:
    return "its text cannot be read" if isinstance(error, UnicodeDecodeError) else str(error)
