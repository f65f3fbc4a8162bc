"""What came of trying runtime packs, in the database."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from sqlite3 import Connection

from app.core.errors import EnvironmentFault
from app.storage import open_database, transaction


class PackRecords:
    """By folder and stamp: an empty text for a pack that works, else why it was set aside.

    A database that cannot be used is no reason not to start a worker: what is not remembered is tried again.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._own: dict[tuple[Path, str], str] = {}

    def read(self, folder: Path, stamp: str) -> str | None:
        """None where it has not been tried as it is now."""
        known = self._own.get((folder, stamp))
        if known is None and self._database.exists():
            with suppress(EnvironmentFault), self._open() as connection:
                row = connection.execute(
                    "SELECT fault FROM runtime_packs WHERE folder = ? AND stamp = ?",
                    (os.fsencode(folder), stamp),
                ).fetchone()
                known = row["fault"] if row is not None else None
        return known

    def write(self, folder: Path, stamp: str, fault: str) -> None:
        self._own[folder, stamp] = fault
        with suppress(EnvironmentFault, OSError):
            self._database.parent.mkdir(parents=True, exist_ok=True)
            with self._open() as connection, transaction(connection):
                connection.execute(
                    "INSERT OR REPLACE INTO runtime_packs (folder, stamp, fault, tried_at) VALUES (?, ?, ?, ?)",
                    (os.fsencode(folder), stamp, fault, time.time()),
                )

    def forget(self, folder: Path) -> None:
        """The next time it is tried again."""
        self._own = {key: fault for key, fault in self._own.items() if key[0] != folder}
        with suppress(EnvironmentFault), self._open() as connection, transaction(connection):
            connection.execute("DELETE FROM runtime_packs WHERE folder = ?", (os.fsencode(folder),))

    @contextmanager
    def _open(self) -> Iterator[Connection]:
        with closing(open_database(self._database)) as connection:
            yield connection
