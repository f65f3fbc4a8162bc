"""What came of trying runtime packs, and which one a person chose, in the database."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from sqlite3 import Connection

from app.core.errors import EnvironmentFault
from app.storage import open_database, transaction

PLAIN = b""
"""In the place of a folder."""


@dataclass(frozen=True)
class Trial:
    """`fault`: empty for a pack that works, else why it was set aside, with the `log`'s last lines. `tried_at`: seconds
    since 1970."""

    fault: str
    log: tuple[str, ...] = ()
    tried_at: float = field(default_factory=time.time)


class PackRecords:
    """Trials by folder and stamp.

    A database that cannot be used is no reason not to start a worker: what is not remembered is tried again.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._own: dict[tuple[Path, str], Trial] = {}

    def read(self, folder: Path, stamp: str) -> Trial | None:
        """None where it has not been tried as it is now."""
        known = self._own.get((folder, stamp))
        if known is None and self._database.exists():
            with suppress(EnvironmentFault), self._open() as connection:
                row = connection.execute(
                    "SELECT fault, log, tried_at FROM runtime_packs WHERE folder = ? AND stamp = ?",
                    (os.fsencode(folder), stamp),
                ).fetchone()
                known = Trial(row["fault"], tuple(row["log"].splitlines()), row["tried_at"]) if row else None
        return known

    def write(self, folder: Path, stamp: str, trial: Trial) -> None:
        self._own[folder, stamp] = trial
        with suppress(EnvironmentFault, OSError), self._changed() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO runtime_packs (folder, stamp, fault, log, tried_at) VALUES (?, ?, ?, ?, ?)",
                (os.fsencode(folder), stamp, trial.fault, "\n".join(trial.log), trial.tried_at),
            )

    def forget(self, folder: Path) -> None:
        """The next time it is tried again."""
        self._own = {key: trial for key, trial in self._own.items() if key[0] != folder}
        with suppress(EnvironmentFault), self._open() as connection, transaction(connection):
            connection.execute("DELETE FROM runtime_packs WHERE folder = ?", (os.fsencode(folder),))

    def chosen(self) -> bytes | None:
        """The folder of the pack that a person chose, or PLAIN; None: none was chosen."""
        if not self._database.exists():
            return None
        with suppress(EnvironmentFault), self._open() as connection:
            row = connection.execute("SELECT folder FROM chosen_pack").fetchone()
            return bytes(row["folder"]) if row else None
        return None

    def choose(self, folder: bytes | None) -> None:
        """Raises what the database raises: a choice that is not kept is none."""
        with self._changed() as connection:
            connection.execute("DELETE FROM chosen_pack")
            if folder is not None:
                connection.execute("INSERT INTO chosen_pack (folder) VALUES (?)", (folder,))

    @contextmanager
    def _changed(self) -> Iterator[Connection]:
        self._database.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection, transaction(connection):
            yield connection

    @contextmanager
    def _open(self) -> Iterator[Connection]:
        with closing(open_database(self._database)) as connection:
            yield connection
