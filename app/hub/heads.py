"""Headers that were fetched before, by the digest of the file they belong to."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from app.core.errors import EnvironmentFault
from app.gguf.source import FileHead
from app.hub.variants import HubFile
from app.storage.atomic import write_atomically

_MOST_BYTES = 1 << 29


class KeptHeads:
    """In a folder of its own below `cache`; at most 512 MiB, and those that were used last stay."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "hub_heads"

    def find(self, file: HubFile) -> FileHead | None:
        path = self._path(file)
        if path is None:
            return None
        try:
            head = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return FileHead(file.name, head, file.size)

    def keep(self, file: HubFile, head: bytes) -> None:
        """Nothing happens where that cannot be written: then it is fetched again next time."""
        path = self._path(file)
        if path is None:
            return
        with suppress(OSError, EnvironmentFault):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, head)
            self._make_room()

    def _path(self, file: HubFile) -> Path | None:
        """None for a file whose digest the Hub has not told."""
        if not file.digest:
            return None
        told = hashlib.sha256(f"{file.digest}\n{file.size}".encode()).hexdigest()
        return self._folder / f"{told}.head"

    def _make_room(self) -> None:
        known = [(path.stat(), path) for path in self._folder.glob("*.head")]
        known.sort(key=lambda each: each[0].st_mtime, reverse=True)
        total = 0
        for status, path in known:
            total += status.st_size
            if total > _MOST_BYTES:
                path.unlink(missing_ok=True)
