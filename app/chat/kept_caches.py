"""Files with what models have computed of conversations: a few of the last ones, gone with their conversation."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from app.runtime import LoadSettings
from app.storage import DataFolder

MOST_FILES = 8
MOST_BYTES = 2 << 30
"""Of all files together."""
SPARED_BYTES = 2 << 30
"""Of the disk, which are left to others."""

_WITHOUT_MEANING = (
    *("context_length", "threads", "prompt_threads", "batch", "ubatch", "load_mode"),
    *("gpu_layers", "devices", "split", "expert_layers_in_memory", "processor_only"),
)
"""Settings that change where and how fast keys and values are computed, but not what they are; a context that is too
small for a file is found when it is read. Whatever is not named here counts."""


def cache_stamp(path: Path, model: tuple[int, int] | None, settings: LoadSettings) -> str:
    """Two caches of one stamp are of the same files, loaded in a way that gives the same keys and values.

    `model`: of the file at `path`, from before it was loaded.
    """
    files = [
        (os.fsencode(path).hex(), model),
        *(_content(Path(os.fsdecode(adapter.path))) for adapter in settings.adapters),
    ]
    known = msgspec.to_builtins(settings)
    for name in _WITHOUT_MEANING:
        del known[name]
    return hashlib.sha256(msgspec.json.encode((files, known), order="sorted")).hexdigest()[:16]


class KeptCaches:
    """The files of one data folder, which is that of the database. Losing one only costs time: nothing here fails."""

    def __init__(self, database: Path) -> None:
        self._folder = DataFolder(database.parent).conversation_caches

    def file(self, conversation_id: int, stamp: str) -> Path:
        return self._folder / f"{conversation_id}-{stamp}.kv"

    def room_bytes(self) -> int:
        """How large a new file may be."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            return min(MOST_BYTES, shutil.disk_usage(self._folder).free - SPARED_BYTES)
        return 0

    def touch(self, file: Path) -> None:
        """The file was of use."""
        with suppress(OSError):
            os.utime(file)

    def trim(self, exists: Callable[[int], bool]) -> None:
        """Deletes what has not been of use for longest, beyond the limits, and what no conversation has any more."""
        count = total = 0
        for file in sorted(self._files(), key=_used_at, reverse=True):
            count, total = count + 1, total + _size(file)
            if count > MOST_FILES or total > MOST_BYTES or not exists(_conversation(file)):
                count, total = count - 1, total - _size(file)
                _remove(file)

    def delete(self, conversation_id: int) -> None:
        for file in self._files():
            if _conversation(file) == conversation_id:
                _remove(file)

    def _files(self) -> Iterator[Path]:
        with suppress(OSError):
            yield from [file for file in self._folder.iterdir() if file.suffix == ".kv"]


def _content(file: Path) -> tuple[int, int] | None:
    """Changes when the file does; None when there is none."""
    with suppress(OSError):
        status = file.stat()
        return status.st_mtime_ns, status.st_size
    return None


def _conversation(file: Path) -> int:
    number = file.name.partition("-")[0]
    return int(number) if number.isdecimal() else -1


def _used_at(file: Path) -> float:
    with suppress(OSError):
        return file.stat().st_mtime
    return 0.0


def _size(file: Path) -> int:
    with suppress(OSError):
        return file.stat().st_size
    return 0


def _remove(file: Path) -> None:
    with suppress(OSError):
        file.unlink()
