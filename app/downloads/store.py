"""The queue of downloads in the database: what is wanted, in which order, and how far each has come.

Every process with this data folder sees the same queue. One of them at a time runs a download: its identity stands in
the row, and counts for nothing once that process is dead.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from app.core.errors import EnvironmentFault
from app.downloads.content import Content
from app.storage import open_database, reading, transaction
from app.storage.processes import is_alive, this_process

_AT_THE_END = "(SELECT COALESCE(MAX(position), 0) + 1 FROM downloads)"


class DownloadState(StrEnum):
    WAITING = "waiting"
    """For its turn, or running."""
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"
    CANCELLED = "cancelled"
    """Whoever runs it removes it."""


@dataclass(frozen=True, slots=True)
class WantedFile:
    """`path` in the repository; `digest` is its ETag on the Hub."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class DownloadFile:
    """`received_bytes` as last written down, while it runs some second ago."""

    path: str
    size: int
    digest: str
    received_bytes: int
    is_done: bool

    @property
    def content(self) -> Content:
        return Content(self.size, self.digest)


@dataclass(frozen=True, slots=True)
class Download:
    """A model: one file, or several that belong together. `revision` is a commit. `fault` is empty, or a sentence
    with its hint, of one that failed or waits for the network. `is_running`: by a process that lives."""

    id: int
    repository: str
    revision: str
    title: str
    folder: Path
    state: DownloadState
    is_running: bool
    fault: str
    hint: str
    created_at: float
    files: tuple[DownloadFile, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def received_bytes(self) -> int:
        return sum(file.received_bytes for file in self.files)


class DownloadStore:
    """One connection, for one thread. Raises DataFolderFault and DiskFull."""

    def __init__(self, database: Path) -> None:
        self._connection = open_database(database)

    def __enter__(self) -> DownloadStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def add(
        self, repository: str, revision: str, title: str, folder: Path, files: Sequence[WantedFile]
    ) -> int:
        """At the end of the queue. One that is there already, of the same files, goes on; returns its id."""
        with transaction(self._connection) as connection:
            known = self._same(repository, revision, folder, files)
            if known is not None:
                if known.state is DownloadState.DONE:
                    connection.execute(
                        f"UPDATE downloads SET position = {_AT_THE_END} WHERE id = ?", (known.id,)
                    )
                self._set_state(known.id, DownloadState.WAITING)
                return known.id
            row = connection.execute(
                "INSERT INTO downloads (repository, revision, title, folder, state, position, created_at)"
                f" VALUES (?, ?, ?, ?, ?, {_AT_THE_END}, ?) RETURNING id",
                (repository, revision, title, str(folder), DownloadState.WAITING, time.time()),
            ).fetchone()
            connection.executemany(
                "INSERT INTO download_files (download, path, size, digest) VALUES (?, ?, ?, ?)",
                [(row["id"], file.path, file.size, file.digest) for file in files],
            )
            return int(row["id"])

    def all(self) -> list[Download]:
        """In the order of the queue; those that are done too."""
        found: dict[int, tuple[sqlite3.Row, list[DownloadFile]]] = {}
        # One statement: between two, another process might add a download, and it would seem to have no files.
        with reading(self._connection) as connection:
            rows = connection.execute(
                "SELECT *, downloads.id AS id FROM downloads JOIN download_files ON download = downloads.id"
                " ORDER BY position, downloads.id, download_files.id"
            ).fetchall()
        for row in rows:
            file = DownloadFile(
                row["path"], row["size"], row["digest"], row["received_bytes"], bool(row["is_done"])
            )
            found.setdefault(row["id"], (row, []))[1].append(file)
        return [_download(row, tuple(files)) for row, files in found.values()]

    def find(self, id: int) -> Download | None:
        return next((each for each in self.all() if each.id == id), None)

    def state(self, id: int) -> DownloadState:
        """CANCELLED for one that is gone."""
        with reading(self._connection) as connection:
            row = connection.execute("SELECT state FROM downloads WHERE id = ?", (id,)).fetchone()
        return DownloadState(row["state"]) if row else DownloadState.CANCELLED

    def claim(self, id: int) -> Download | None:
        """For this process to run it now; None where it does not wait, or somebody alive runs it."""
        with transaction(self._connection) as connection:
            found = self.find(id)
            if found is None or found.state is not DownloadState.WAITING or found.is_running:
                return None
            connection.execute("UPDATE downloads SET runner = ? WHERE id = ?", (this_process(), id))
            return found

    def release(self, id: int) -> None:
        with transaction(self._connection) as connection:
            connection.execute("UPDATE downloads SET runner = NULL WHERE id = ?", (id,))

    def set_state(self, id: int, state: DownloadState) -> None:
        with transaction(self._connection):
            self._set_state(id, state)

    def set_fault(self, id: int, fault: EnvironmentFault, state: DownloadState) -> None:
        with transaction(self._connection) as connection:
            connection.execute(
                "UPDATE downloads SET state = ?, fault = ?, hint = ? WHERE id = ? AND state = ?",
                (state, fault.message, fault.hint, id, DownloadState.WAITING),
            )

    def set_received(self, id: int, path: str, received_bytes: int, *, is_done: bool = False) -> None:
        with transaction(self._connection) as connection:
            connection.execute(
                "UPDATE download_files SET received_bytes = ?, is_done = ? WHERE download = ? AND path = ?",
                (received_bytes, is_done, id, path),
            )

    def move(self, id: int, before: int | None) -> None:
        """In front of another, or to the end of the queue."""
        with transaction(self._connection) as connection:
            order = [
                row["id"] for row in connection.execute("SELECT id FROM downloads ORDER BY position, id")
            ]
            if id not in order or before == id:
                return
            order.remove(id)
            order.insert(order.index(before) if before in order else len(order), id)
            connection.executemany(
                "UPDATE downloads SET position = ? WHERE id = ?",
                [(at, each) for at, each in enumerate(order)],
            )

    def remove(self, id: int) -> None:
        with transaction(self._connection) as connection:
            connection.execute("DELETE FROM downloads WHERE id = ?", (id,))

    def _set_state(self, id: int, state: DownloadState) -> None:
        self._connection.execute(
            "UPDATE downloads SET state = ?, fault = '', hint = '' WHERE id = ?", (state, id)
        )

    def _same(
        self, repository: str, revision: str, folder: Path, files: Sequence[WantedFile]
    ) -> Download | None:
        wanted = (repository, revision, folder, {(file.path, file.size, file.digest) for file in files})
        for each in self.all():
            found = {(file.path, file.size, file.digest) for file in each.files}
            if (each.repository, each.revision, each.folder, found) == wanted:
                return each
        return None


def _download(row: sqlite3.Row, files: tuple[DownloadFile, ...]) -> Download:
    return Download(
        row["id"],
        row["repository"],
        row["revision"],
        row["title"],
        Path(row["folder"]),
        DownloadState(row["state"]),
        is_alive(row["runner"]),
        row["fault"],
        row["hint"],
        row["created_at"],
        files,
    )
