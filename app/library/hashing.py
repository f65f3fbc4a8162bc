"""SHA-256 of model files, piece by piece and with progress."""

from __future__ import annotations

import hashlib
from pathlib import Path

from app.core.errors import DamagedGguf
from app.core.jobs import JobControl
from app.gguf.source import LocalFile

_PIECE_BYTES = 4 << 20


class Hashing:
    """Of several files in one job: progress is in bytes of all of them."""

    def __init__(self, stage: str, total_bytes: int, control: JobControl) -> None:
        self._stage = stage
        self._total_bytes = total_bytes
        self._control = control
        self._done_bytes = 0

    def sha256(self, path: Path) -> str:
        """Raises what `LocalFile` raises, DamagedGguf for a file that is cut meanwhile, and Cancelled."""
        digest = hashlib.sha256()
        with LocalFile(path) as file:
            offset = 0
            while offset < file.size:
                self._control.cancel.raise_if_cancelled()
                piece = file.read_at(offset, min(_PIECE_BYTES, file.size - offset))
                if not piece:
                    raise DamagedGguf(f"{path.name} became shorter while it was read.", "Try again.")
                digest.update(piece)
                offset += len(piece)
                self.skip(len(piece))
        return digest.hexdigest()

    def ends(self, path: Path, size: int) -> bytes:
        """A digest of the first and the last `size` bytes: equal files have equal ones, others rarely."""
        with LocalFile(path) as file:
            head = file.read_at(0, size)
            tail = file.read_at(max(file.size - size, 0), size)
        return hashlib.sha256(head + tail).digest()

    def skip(self, size: int) -> None:
        """These bytes count as done."""
        self._done_bytes += size
        self._control.progress(self._stage, self._done_bytes, self._total_bytes, "bytes")
