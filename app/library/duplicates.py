"""Models that are on the disk more than once, byte for byte."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.library.entry import LibraryEntry
from app.library.hashing import Hashing
from app.library.records import record_digest, recorded_digest
from app.library.stamp import file_stamp, part_files
from app.storage import open_database, transaction

END_BYTES = 1 << 20
"""Beyond the header, which quantizations of one model share, and the first of its weights."""

T = TypeVar("T")


@dataclass(frozen=True)
class Duplicates:
    """Entries of the same content in different files, by path."""

    entries: tuple[LibraryEntry, ...]

    @property
    def wasted_bytes(self) -> int:
        """What deleting all but one would free."""
        return sum(entry.file_bytes or 0 for entry in self.entries[1:])


def find_duplicates(entries: Iterable[LibraryEntry], database: Path, control: JobControl) -> list[Duplicates]:
    """The most wasteful first. Only files that agree in size and at both ends are read whole; their digests are kept.

    A file that is reached by several links is no duplicate. What cannot be read is left out. Progress is in bytes.
    Raises Cancelled.
    """
    candidates = [group for group in _groups(_distinct(entries), _sizes) if _sizes(group[0])]
    ends = Hashing("Comparing", 0, control)
    alike: list[list[LibraryEntry]] = []
    for group in candidates:
        control.cancel.raise_if_cancelled()
        alike += _groups(group, lambda entry: _ends(entry, ends))
    hashing = Hashing("Comparing", sum(entry.file_bytes or 0 for group in alike for entry in group), control)
    found = []
    for group in alike:
        found += _groups(group, lambda entry: _digests(entry, database, hashing))
    duplicates = [Duplicates(tuple(sorted(group, key=lambda entry: str(entry.path)))) for group in found]
    return sorted(duplicates, key=lambda each: each.wasted_bytes, reverse=True)


def _distinct(entries: Iterable[LibraryEntry]) -> list[LibraryEntry]:
    """One of each file, whatever links lead to it."""
    by_file: dict[object, LibraryEntry] = {}
    for entry in entries:
        with suppress(OSError):
            status = os.stat(entry.path)
            file = (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(entry.path)
            by_file.setdefault(file, entry)
    return list(by_file.values())


def _groups(entries: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Those that share a key with another; None is no key."""
    by_key: dict[Hashable, list[T]] = {}
    for entry in entries:
        by_key.setdefault(key(entry), []).append(entry)
    return [group for found, group in by_key.items() if len(group) > 1 and found is not None]


def _files(entry: LibraryEntry) -> Sequence[Path]:
    return [Path(file) for file in part_files(str(entry.path))]


def _sizes(entry: LibraryEntry) -> tuple[int, ...] | None:
    if entry.facts is None:  # damaged ones are no models, and parts may be missing
        return None
    try:
        return tuple(file.stat().st_size for file in _files(entry))
    except OSError:
        return None


def _ends(entry: LibraryEntry, hashing: Hashing) -> tuple[bytes, ...] | None:
    try:
        return tuple(hashing.ends(file, END_BYTES) for file in _files(entry))
    except EnvironmentFault:
        return None


def _digests(entry: LibraryEntry, database: Path, hashing: Hashing) -> tuple[str, ...] | None:
    try:
        return tuple(_digest(file, database, hashing) for file in _files(entry))
    except (EnvironmentFault, OSError):
        return None


def _digest(file: Path, database: Path, hashing: Hashing) -> str:
    """That of an earlier check where the file is still the same."""
    stamp = file_stamp(file)
    with suppress(EnvironmentFault, sqlite3.Error), closing(open_database(database)) as connection:
        known = recorded_digest(connection, file)
        if known is not None and known[1] == stamp:
            hashing.skip(file.stat().st_size)
            return known[0]
        sha256 = hashing.sha256(file)
        if known is None:  # another digest is what a check compares with
            with transaction(connection):
                record_digest(connection, file, sha256, stamp)
        return sha256
    return hashing.sha256(file)
