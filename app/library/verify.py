"""Hashes a model's files again and says whether they are what they were when they came."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import DataFolderFault, DiskFull, FileGone
from app.core.jobs import JobControl
from app.downloads import DownloadStore
from app.library.entry import LibraryEntry
from app.library.hashing import Hashing
from app.library.records import record_digest, recorded_digest
from app.library.stamp import file_stamp, part_files
from app.storage import open_database, transaction

_BLOB = re.compile(r"(?:sha256[-:])?([0-9a-f]{64})")


@dataclass(frozen=True)
class FileCheck:
    """`expected` is the SHA-256 the file should have, `known_from` who says so: "download", "Hugging Face cache",
    "Ollama" or "earlier check"; both None where nobody does, and then the digest is kept for the next time."""

    path: Path
    sha256: str
    expected: str | None
    known_from: str | None

    @property
    def is_right(self) -> bool | None:
        """None where there is nothing to compare with."""
        return None if self.expected is None else self.sha256 == self.expected


def verify(entry: LibraryEntry, database: Path, control: JobControl) -> list[FileCheck]:
    """Of all parts. Progress is in bytes. Raises FileGone, NotAllowed, UnreadableFile, DamagedGguf, Cancelled."""
    files = [Path(file) for file in part_files(str(entry.path))]
    sizes = [_size(file) for file in files]
    hashing = Hashing("Checking", sum(sizes), control)
    checks = []
    for file in files:
        stamp = file_stamp(file)
        sha256 = hashing.sha256(file)
        known = _recorded(file, database)
        expected, known_from = _promised(file, database)
        if expected is None and known is not None:
            expected, known_from = known[0], "earlier check"
        check = FileCheck(file, sha256, expected, known_from)
        checks.append(check)
        # Another content under the old stamp is a failing disk, and must be told of again; a file that was replaced
        # is told of once.
        is_replaced = known_from == "earlier check" and known is not None and known[1] != stamp
        if (check.is_right is not False or is_replaced) and file_stamp(file) == stamp:
            _remember(database, file, sha256, stamp)
    return checks


def _promised(file: Path, database: Path) -> tuple[str | None, str | None]:
    """By the name of the file, which its content gave it, or by the server it was downloaded from."""
    blob = _BLOB.fullmatch(os.path.basename(os.path.realpath(file)))
    if blob is not None:
        return blob[1], "Ollama" if file.name.startswith("sha256") else "Hugging Face cache"
    for digest in _downloaded(file, database):
        return digest, "download"
    return None, None


def _recorded(file: Path, database: Path) -> tuple[str, bytes] | None:
    try:
        with closing(open_database(database)) as connection:
            return recorded_digest(connection, file)
    except DataFolderFault:
        return None


def _downloaded(file: Path, database: Path) -> Iterator[str]:
    try:
        with DownloadStore(database) as store:
            for download in store.all():
                for each in download.files:
                    digest = _BLOB.fullmatch(each.digest)
                    if each.is_done and digest is not None and download.folder / Path(each.path).name == file:
                        yield digest[1]
    except DataFolderFault:
        return


def _remember(database: Path, file: Path, sha256: str, stamp: bytes) -> None:
    try:
        with closing(open_database(database)) as connection, transaction(connection):
            record_digest(connection, file, sha256, stamp)
    except (DataFolderFault, DiskFull):  # then the next check has less to compare with
        return


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise FileGone(f"{file} is not there any more.", "Download the model again.") from error
