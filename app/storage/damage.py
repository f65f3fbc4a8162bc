"""Whether a database is damaged, and the note of it for the next start."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""The families of result codes that say so."""
RECOVERED = "recovered"
"""In the name of a new database that is whole."""
SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What comes out of SQLite for a damaged file."""
_WAIT_S = 1.0
_NOT_TEXT = "Could not decode to UTF-8"


def is_damage(error: Exception) -> bool:
    """Also where bytes that should be text are none: Python tells that without a code, and of a name in SQLite's own
    message with the UnicodeDecodeError of reading it."""
    if isinstance(error, UnicodeDecodeError):
        return True
    family = int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)) & 0xFF
    return family in DAMAGED or str(error).startswith(_NOT_TEXT)


def needs_recovery(database: Path) -> bool:
    """As far as can be seen at once; False also where nothing can be seen."""
    try:
        if unplaced(database) is not None:
            return True
        if not database.exists():
            return False
        return is_noted(database) or database.stat().st_size == 0 or not opens(database)
    except OSError:
        return False


def unplaced(database: Path) -> Path | None:
    """A recovered database that has not taken its place yet."""
    found = sorted(database.parent.glob(f"{database.stem}-{RECOVERED}-*{database.suffix}"))
    return found[-1] if found else None


def is_sound(database: Path) -> bool:
    """SQLite's own look at every page, and ours at every text; True also where that cannot be had."""
    try:
        with closing(_look(database)) as connection:
            if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                return False
            _read_all(connection)
            return True
    except SQLITE_ERRORS as error:
        return not is_damage(error)


def opens(database: Path) -> bool:
    """Whether SQLite takes the file for a database; True also where that cannot be told now."""
    try:
        with closing(_look(database)) as connection:
            connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
            return True
    except SQLITE_ERRORS as error:
        return not is_damage(error)


def _look(database: Path) -> sqlite3.Connection:
    """Alters nothing: with a log there, whoever may write would bring it into the file at the end."""
    mode = "ro" if database.with_name(f"{database.name}-wal").exists() else "rw"
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode={mode}", uri=True, timeout=_WAIT_S)


def note_damage(database: Path) -> None:
    with suppress(OSError):  # then the next start has to meet it by itself
        _note(database).touch()


def is_noted(database: Path) -> bool:
    return _note(database).exists()


def forget_damage(database: Path) -> None:
    with suppress(OSError):
        _note(database).unlink()


def _note(database: Path) -> Path:
    return database.with_name(f"{database.name}-damaged")


def _read_all(connection: sqlite3.Connection) -> None:
    tables = connection.execute("PRAGMA table_list").fetchall()
    for schema, name, kind, *_ in tables:
        if schema == "main" and kind == "table":
            for _ in connection.execute(f'SELECT * FROM "{name}"'):
                pass
