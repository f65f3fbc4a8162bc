"""Stamps: what tells that a file is still the one it was, without opening it."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path

from app.gguf.split import split_name

_ONE_FILE = struct.Struct("<QqQ")
_FORMAT = b"\1"
"""Changes whenever a summary is made differently, so that what is kept of older ones counts no more."""
_MOST_PARTS = 1024
_LOW = (1 << 64) - 1


def part_files(path: str) -> list[str]:
    """All files of a model that is split as its name says, whether there or not; else the file itself."""
    if "-of-" not in path.casefold():
        return [path]
    folder, name = os.path.split(path)
    split = split_name(name)
    if split is None or split.count > _MOST_PARTS:
        return [path]
    return [os.path.join(folder, split.part(number)) for number in range(1, split.count + 1)]


def stamp_of(statuses: Iterable[os.stat_result | None]) -> bytes:
    """Of a model's files in their order; None stands for one that is missing."""
    stamp = _FORMAT
    for status in statuses:
        if status is None:
            stamp += _ONE_FILE.pack(0, 0, 0)
        else:
            stamp += _ONE_FILE.pack(status.st_size, status.st_mtime_ns, status.st_ino & _LOW)
    return stamp


def file_stamp(path: Path) -> bytes:
    """Of one file. Raises OSError."""
    return stamp_of((os.stat(path),))
