"""Records: what the library remembers of files between looks, in the database.

For each model its stamp with the summary of its header (or why it has none), and the name a person gave it; for each
file that was hashed its SHA-256. Several processes may look at once: rows are written in one transaction, the last
one wins, and both read the same files. Without a database that can be used the library works and remembers nothing.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from app.core.errors import FAULTS, DamagedGguf, EnvironmentFault, NotGguf, UnsupportedGgufVersion
from app.gguf.summary import ModelSummary
from app.storage import open_database, transaction

GONE_FOR_S = 7 * 24 * 3600.0
"""For so long a file that is gone is told of."""

_LASTING = (NotGguf, DamagedGguf, UnsupportedGgufVersion)
"""Faults of a file's content, which stay as long as the content does."""


class _Fault(msgspec.Struct, frozen=True):
    kind: str
    message: str
    hint: str


FORM = 2
"""Grows with what a summary tells; what was kept in an earlier one is read again from the file."""


class _Content(msgspec.Struct, frozen=True, omit_defaults=True):
    summary: ModelSummary | None = None
    fault: _Fault | None = None
    form: int = 0


_DECODER = msgspec.msgpack.Decoder(_Content)


@dataclass(frozen=True, slots=True)
class Record:
    """`place` is the folder of the library it was found in. `gone_at`: when a look first missed it."""

    name: str
    place: str
    stamp: bytes
    content: bytes
    label: str
    gone_at: float | None


class Records:
    """What was known at the start of one look, and what it learns."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._known: dict[str, Record] = {}
        self._checked: dict[str, bytes] = {}
        self._new: dict[str, Record] = {}
        self._dropped: set[str] = set()
        self._moved: dict[str, str] = {}
        if database.exists():
            with suppress(EnvironmentFault, sqlite3.Error), closing(open_database(database)) as connection:
                self._read(connection)

    def recall(self, path: str, place: str, stamp: bytes) -> ModelSummary | EnvironmentFault | None:
        """What the file's header said when it had this stamp."""
        record = self._known.get(path)
        if record is None or record.stamp != stamp:
            return None
        is_elsewhere = (
            record.place != place and place != path
        )  # of a file by itself the folder is told elsewhere
        if record.gone_at is not None or is_elsewhere:
            self._new[path] = replace(record, place=place, gone_at=None)
        try:
            content = _DECODER.decode(record.content)
        except msgspec.MsgspecError:
            return None
        if content.form != FORM:
            return None
        if content.fault is None:
            return content.summary
        return FAULTS.get(content.fault.kind, DamagedGguf)(content.fault.message, content.fault.hint)

    def remember(
        self, path: str, name: str, place: str, stamp: bytes, told: ModelSummary | EnvironmentFault
    ) -> None:
        content = _encoded(told)
        if content is not None:
            self._new[path] = Record(name, place, stamp, content, self.label(path), None)

    def label(self, path: str) -> str:
        """The name a person gave it, or empty."""
        record = self._known.get(path)
        return record.label if record else ""

    def is_changed(self, path: str, stamp: bytes) -> bool:
        """Whether this is not the file that was hashed last under its path."""
        checked = self._checked.get(path)
        return checked is not None and checked != stamp

    def missing(self, places: Iterable[str], present: set[str]) -> list[tuple[str, Record]]:
        """What was in these folders and is neither there now nor has moved; told for `GONE_FOR_S`."""
        wanted = set(places)
        fresh = {record.stamp: path for path, record in self._new.items() if path not in self._known}
        gone = []
        now = time.time()
        for path, record in self._known.items():
            if record.place not in wanted or path in present:
                continue
            moved_to = fresh.get(record.stamp)
            if moved_to is not None:
                self._move(path, record, moved_to)
            elif record.gone_at is None:
                self._new[path] = replace(record, gone_at=now)
                gone.append((path, record))
            elif now - record.gone_at < GONE_FOR_S:
                gone.append((path, record))
            else:
                self._dropped.add(path)
        return gone

    @property
    def moved_labels(self) -> dict[str, str]:
        """The names that a person gave to what has moved, by its new path."""
        return {new: self._new[new].label for new in self._moved.values()}

    def write(self) -> None:
        """Keeps what was learned; a database that cannot be written costs that and nothing else."""
        if not self._new and not self._dropped:
            return
        with suppress(EnvironmentFault, sqlite3.Error, OSError):
            self._database.parent.mkdir(parents=True, exist_ok=True)
            with closing(open_database(self._database)) as connection, transaction(connection):
                for old, new in self._moved.items():
                    # A file that is already known under its new name keeps what is known of that.
                    connection.execute(
                        "UPDATE OR REPLACE file_digests SET path = ? WHERE path = ?", (_key(new), _key(old))
                    )
                forget_paths(connection, self._dropped)
                # Another process may have given a name meanwhile: that of the row stays.
                connection.executemany(
                    "INSERT INTO library_models (path, name, place, stamp, content, label, gone_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET name = excluded.name,"
                    " place = excluded.place, stamp = excluded.stamp, content = excluded.content,"
                    " gone_at = excluded.gone_at",
                    [
                        (
                            _key(path),
                            _text(row.name),
                            _key(row.place),
                            row.stamp,
                            row.content,
                            row.label,
                            row.gone_at,
                        )
                        for path, row in self._new.items()
                    ],
                )

    def _move(self, old: str, record: Record, new: str) -> None:
        self._new[new] = replace(self._new[new], label=record.label)
        self._moved[old] = new
        self._dropped.add(old)

    def _read(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = None
        for path, name, place, stamp, content, label, gone_at in connection.execute(
            "SELECT path, name, place, stamp, content, label, gone_at FROM library_models"
        ):
            self._known[os.fsdecode(path)] = Record(name, os.fsdecode(place), stamp, content, label, gone_at)
        for path, stamp in connection.execute("SELECT path, stamp FROM file_digests"):
            self._checked[os.fsdecode(path)] = stamp


def labels(database: Path) -> dict[str, str]:
    """The names that a person gave, by path; none where there is no database."""
    if not database.exists():
        return {}
    with closing(open_database(database)) as connection:
        rows = connection.execute("SELECT path, label FROM library_models WHERE label <> ''").fetchall()
    return {os.fsdecode(row["path"]): row["label"] for row in rows}


def set_label(database: Path, path: Path, name: str, place: str, label: str) -> None:
    """Raises DataFolderFault and DiskFull."""
    with closing(open_database(database)) as connection, transaction(connection):
        connection.execute(
            "INSERT INTO library_models (path, name, place, stamp, content, label) VALUES (?, ?, ?, x'', x'', ?)"
            " ON CONFLICT (path) DO UPDATE SET label = excluded.label",
            (_key(str(path)), _text(name), _key(place), label),
        )


def forget(database: Path, paths: Sequence[Path]) -> None:
    """These files are not missed any more. Raises DataFolderFault and DiskFull."""
    if database.exists():
        with closing(open_database(database)) as connection, transaction(connection):
            forget_paths(connection, [str(path) for path in paths])


def forget_paths(connection: sqlite3.Connection, paths: Iterable[str]) -> None:
    keys = [(_key(path),) for path in paths]
    connection.executemany("DELETE FROM library_models WHERE path = ?", keys)
    connection.executemany("DELETE FROM file_digests WHERE path = ?", keys)


def recorded_digest(connection: sqlite3.Connection, path: Path) -> tuple[str, bytes] | None:
    """SHA-256 and stamp of the file when it was hashed last."""
    row = connection.execute(
        "SELECT sha256, stamp FROM file_digests WHERE path = ?", (_key(str(path)),)
    ).fetchone()
    return (row["sha256"], row["stamp"]) if row else None


def record_digest(connection: sqlite3.Connection, path: Path, sha256: str, stamp: bytes) -> None:
    """Inside a transaction."""
    connection.execute(
        "INSERT OR REPLACE INTO file_digests (path, sha256, stamp, checked_at) VALUES (?, ?, ?, ?)",
        (_key(str(path)), sha256, stamp, time.time()),
    )


def _encoded(told: ModelSummary | EnvironmentFault) -> bytes | None:
    """None for what may be otherwise at the next look, or cannot be kept."""
    if isinstance(told, EnvironmentFault):
        if not isinstance(told, _LASTING):
            return None
        content = _Content(
            fault=_Fault(type(told).__name__, _text(told.message), _text(told.hint)), form=FORM
        )
    else:
        content = _Content(summary=told, form=FORM)
    try:
        return msgspec.msgpack.encode(content)
    except (OverflowError, UnicodeEncodeError):  # a hostile header's number or name
        return None


def _key(path: str) -> bytes:
    return os.fsencode(path)  # file names need not be text


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
