"""Reading what has been written: the digest of a file that is still arriving, or of one that is there."""

from __future__ import annotations

import zlib
from io import FileIO
from pathlib import Path

from app.core.jobs import CancelToken
from app.downloads.block_log import Extent
from app.downloads.content import Content

_PIECE_BYTES = 1 << 20


class FileDigest:
    """Of `file`, block by block from the first."""

    def __init__(self, file: FileIO, extent: Extent, content: Content) -> None:
        self.next_block = 0
        self._file = file
        self._extent = extent
        self._hasher = content.hasher()
        self._buffer = bytearray(extent.block_bytes)

    @property
    def is_whole(self) -> bool:
        return self.next_block >= self._extent.block_count

    @property
    def hex(self) -> str:
        return self._hasher.hexdigest()

    def add_block(self, checksum: int) -> bool:
        """False, and nothing added, where the next block on disk has another CRC-32. Raises OSError."""
        start, end = self._extent.span(self.next_block)
        self._file.seek(start)
        view = memoryview(self._buffer)[: end - start]
        filled = 0
        while filled < len(view):
            count = self._file.readinto(view[filled:])
            if not count:
                return False
            filled += count
        if zlib.crc32(view) != checksum:
            return False
        self._hasher.update(view)
        self.next_block += 1
        return True


def holds(path: Path, content: Content, cancel: CancelToken) -> bool:
    """Whether a whole file has this size and digest. Raises OSError, Cancelled."""
    if not path.is_file() or path.stat().st_size != content.size:
        return False
    hasher = content.hasher()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE_BYTES):
            cancel.raise_if_cancelled()
            hasher.update(piece)
    return hasher.hexdigest() == content.etag
