"""A new database from a damaged one, in the damaged one's place; that one is kept beside it."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.core.errors import DataFolderFault, DiskFull, from_os_error
from app.core.jobs import JobControl
from app.storage import database as databases
from app.storage import migrations
from app.storage.atomic import put_in_place
from app.storage.damage import RECOVERED, forget_damage, needs_recovery, unplaced
from app.storage.recovery.pages import Pages, read_pages
from app.storage.recovery.progress import UNHEARD, Steps
from app.storage.recovery.records import Record
from app.storage.recovery.tables import Column, Table, tables_of
from app.storage.recovery.trees import records_of

_MIGRATIONS = Table("migrations", (Column("name", "TEXT", True, False, 1),), without_rowid=False)
_DAMAGED = "damaged"
_WAIT_S = 30.0
"""For another process that recovers the same database."""
_OPEN_BYTE = 128
"""Of the file `-shm`: whoever has the database open holds a lock on it (sqlite.org/walformat.html, section 2.3.1)."""

Mend = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True)
class Recovery:
    """`kept`: the damaged file; None where there was nothing in it. `rows`: how many came back, by table."""

    kept: Path | None
    rows: dict[str, int]


def recover_if_damaged(
    database: Path, mend: Mend = lambda connection: None, control: JobControl = UNHEARD
) -> Recovery | None:
    """None where there was nothing to do. Before this process opens the database.

    `mend` may put right in the new one what only those can who know what the rows mean; what then still refers to rows
    that are lost goes without the reference, or else away. Raises DataFolderFault where another program has the
    database open or it is from a newer Nibble, and the fault behind a disk that takes or gives nothing: then all is as
    it was. `control` hears of the progress; Cancelled, too, leaves all as it was.
    """
    try:
        if not needs_recovery(database):
            return None
        with _alone(database):
            _finish_replacing(database)
            if not needs_recovery(database):  # another process has done it meanwhile
                return None
            return _recover(database, mend, control)
    except sqlite3.Error as error:
        raise databases.fault_of(error, database) from error
    except OSError as error:
        raise from_os_error(error, database, writing=True) from error


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout  # here: hardly any start needs it

    try:
        with FileLock(database.with_name(f"{database.name}-recovery.lock"), timeout=_WAIT_S):
            if _is_open_elsewhere(database):
                raise DataFolderFault(
                    f"Nibble's database {database} is damaged, and another program is using it.",
                    "Close the other one and start Nibble again: what can be read will be recovered.",
                )
            yield
    except Timeout:
        raise DataFolderFault(
            "Another Nibble is recovering the database.", "Wait for it, then try again."
        ) from None


def _is_open_elsewhere(database: Path) -> bool:
    # On Windows a file that is open cannot be renamed, which tells the same later.
    if sys.platform != "win32":
        import fcntl

        with suppress(FileNotFoundError), database.with_name(f"{database.name}-shm").open("r+b") as shared:
            try:
                fcntl.lockf(shared, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _OPEN_BYTE)
            except OSError:
                return True
    return False


def _recover(database: Path, mend: Mend, control: JobControl) -> Recovery:
    control.progress("Reading the damaged database")
    pages = read_pages(database)
    if not pages.content and not pages.logged:
        databases.open_database(database).close()  # an empty file becomes a new database
        forget_damage(database)
        return Recovery(None, {})
    stamp = datetime.now().strftime("%Y-%m-%d-%H%M%S")
    made: list[tuple[int, dict[str, int], Path]] = []
    try:
        for number, applied in enumerate(_possible_pasts(pages, control)):
            unfinished = database.with_name(f".{database.stem}-{RECOVERED}-{stamp}-{number}.part")
            made.append((0, {}, unfinished))
            rows = _fill(unfinished, pages, applied, mend, control)
            made[-1] = (sum(rows.values()), rows, unfinished)
        control.cancel.raise_if_cancelled()
        _, rows, best = max(made, key=lambda one: one[0])
        return Recovery(_replace(database, best, stamp), rows)
    finally:
        for *_, unfinished in made:
            for suffix in ("", "-journal", "-wal", "-shm"):
                unfinished.with_name(unfinished.name + suffix).unlink(missing_ok=True)


def _possible_pasts(pages: Pages, control: JobControl) -> list[list[str]]:
    """Which migrations the damaged database may have had: what it tells itself may be damaged as well. Tried one after
    the other; what most rows fit into was the right one."""
    found = [str(record.values[0]) for record in _found(pages, [_MIGRATIONS], control)["migrations"]]
    told = [name for name in found if name.isidentifier()]
    migrations.refuse_unknown(told)
    every = migrations.names()
    return [every] if not told or set(told) == set(every) else [told, every]


def _found(pages: Pages, tables: list[Table], control: JobControl) -> dict[str, list[Record]]:
    steps = Steps(control, "Looking through the damaged database", pages.count, "pages")
    return records_of(pages, tables, steps.one)


def _fill(target: Path, pages: Pages, applied: list[str], mend: Mend, control: JobControl) -> dict[str, int]:
    try:
        with closing(sqlite3.connect(target, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")  # flushed as a whole before it counts
            migrations.apply(connection, applied)
            tables = [table for table in tables_of(connection) if table.name != "migrations"]
            found = _found(pages, tables, control)
            rows = sum(map(len, found.values()))
            steps = Steps(control, "Putting what could be read into a new one", rows, "rows")
            connection.execute("BEGIN")
            with _without_triggers(connection):
                for table in tables:
                    table.insert(connection, steps.over(found[table.name]))
            control.progress("Making the new database whole")
            _index_for_search(connection)
            mend(connection)
            _drop_references(connection, tables)
            connection.execute("COMMIT")
        with closing(databases.open_database(target)) as connection:  # and brings it up to date
            counted = {table.name for table in tables_of(connection)} - {"migrations"}
            return {
                name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in counted
            }
    except sqlite3.Error as error:
        if int(getattr(error, "sqlite_errorcode", 0)) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise DiskFull(
                f"Nibble's database is damaged, and there is no room in {target.parent} to recover it.",
                "Free some space, then start Nibble again.",
            ) from error
        raise


@contextmanager
def _without_triggers(connection: sqlite3.Connection) -> Iterator[None]:
    """What they would do has been done to the rows already, or is done to all at once afterwards."""
    made = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in made:
        connection.execute(f'DROP TRIGGER "{name}"')
    yield
    for _, statement in made:
        connection.execute(statement)


def _drop_references(connection: sqlite3.Connection, tables: list[Table]) -> None:
    changed = True
    while changed:
        changed = False
        for table in tables:
            for row in connection.execute(f'PRAGMA foreign_key_list("{table.name}")').fetchall():
                parent, column, target = row[2], row[3], row[4]
                lost = f'"{column}" IS NOT NULL AND "{column}" NOT IN (SELECT "{target}" FROM "{parent}")'
                needed = next(one.not_null for one in table.columns if one.name == column)
                if needed:
                    done = connection.execute(f'DELETE FROM "{table.name}" WHERE {lost}')
                else:
                    done = connection.execute(f'UPDATE "{table.name}" SET "{column}" = NULL WHERE {lost}')
                changed |= done.rowcount > 0


def _index_for_search(connection: sqlite3.Connection) -> None:
    """What is in it is made of other tables."""
    made = connection.execute(
        "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%USING fts5%'"
    )
    for (name,) in made.fetchall():
        connection.execute(f'INSERT INTO "{name}" ("{name}") VALUES (\'rebuild\')')


def _replace(database: Path, unfinished: Path, stamp: str) -> Path:
    """From when the new one has its name, all the rest can be done again after a kill."""
    recovered = database.with_name(f"{database.stem}-{RECOVERED}-{stamp}{database.suffix}")
    put_in_place(unfinished, recovered)
    kept = _finish_replacing(database)
    assert kept is not None
    return kept


def _finish_replacing(database: Path) -> Path | None:
    """The log first: beside the new database it would be taken for its own."""
    recovered = unplaced(database)
    if recovered is None:
        return None
    kept = recovered.with_name(recovered.name.replace(f"-{RECOVERED}-", f"-{_DAMAGED}-"))
    log, kept_log = (path.with_name(f"{path.name}-wal") for path in (database, kept))
    try:
        if log.exists():
            os.replace(log, kept_log)
        if database.exists():
            os.replace(database, kept)
    except OSError as error:
        recovered.unlink(missing_ok=True)
        if kept_log.exists():
            os.replace(kept_log, log)
        raise from_os_error(error, database, writing=True) from error
    database.with_name(f"{database.name}-shm").unlink(missing_ok=True)
    os.replace(recovered, database)
    forget_damage(database)
    return kept
