"""Where header bytes come from, and the piece of a file that a header is read from."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Protocol, Self

from app.core.errors import DamagedGguf, EnvironmentFault, UnreadableFile, from_os_error
from app.core.units import format_bytes

FIRST_FETCH_BYTES = 1 << 20
FIRST_LOCAL_FETCH_BYTES = 1 << 16
"""Where a request costs nothing, a header of 10 KB need not bring a megabyte along: a library has thousands."""
LARGEST_FETCH_BYTES = 1 << 22
MAX_HEADER_BYTES = 1 << 27
"""The largest real headers (a vocabulary of 262k with merges) have 20 MB. A damaged length in a
file of many gigabytes must not make us fetch all of it."""


class ByteSource(Protocol):
    """A file of known size that can be read in pieces: on this disk, or far away by ranges."""

    @property
    def name(self) -> str:
        """The file's name, for sentences."""

    @property
    def size(self) -> int:
        """Bytes of the whole file."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; fewer only where the file ends. Raises EnvironmentFault."""


class LocalFile:
    """A file on this machine; a context manager.

    Plain reads and no memory map: a mapped file that somebody truncates meanwhile ends the process
    with SIGBUS.
    """

    def __init__(self, path: Path) -> None:
        """Raises FileGone, NotAllowed or UnreadableFile (a folder, a pipe, a failing disk)."""
        self._path = path
        try:
            # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
            flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
            self._descriptor = os.open(path, flags)
        except OSError as error:
            raise _not_opened(error, path) from error
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._descriptor)
            raise _not_a_file(path, is_folder=stat.S_ISDIR(status.st_mode))
        self._size = status.st_size
        self._reading = Lock()

    @property
    def name(self) -> str:
        return self._path.name

    @property
    def size(self) -> int:
        return self._size

    def read_at(self, offset: int, size: int) -> bytes:
        """As `ByteSource`; any thread may ask."""
        pieces = []
        try:
            while size > 0 and (piece := self._read(offset, size)):
                pieces.append(piece)
                offset += len(piece)
                size -= len(piece)
        except OSError as error:
            raise from_os_error(error, self._path) from error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, size, offset)
        with self._reading:  # Windows has one place in a file for all
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, size)

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FileHead:
    """The start of a file that is not here as a whole."""

    def __init__(self, name: str, head: bytes, file_bytes: int) -> None:
        self.name = name
        self.size = file_bytes
        self.content = head

    def read_at(self, offset: int, size: int) -> bytes:
        return self.content[offset : offset + size]


class Window:
    """The piece of a file that is being read: `data`, which starts at byte `start`.

    It moves forwards only, and each byte is fetched at most once: `first_fetch_bytes`, then twice as
    much each time up to 4 MiB, which from 1 MiB keeps a header of 20 MB to seven requests over a
    network. What was read is dropped, because touching 20 MB of fresh memory takes longer than
    reading the file.
    """

    def __init__(self, source: ByteSource, first_fetch_bytes: int = FIRST_FETCH_BYTES) -> None:
        self._source = source
        self._next_fetch_bytes = first_fetch_bytes
        self.name = source.name
        self.file_bytes = source.size
        self.start = 0
        self.data = b""

    def cover(self, start: int, end: int) -> int:
        """Makes `data` hold the bytes from `start` to `end`, and returns the index of `start` in it.

        Bytes before `start` may be gone afterwards. Raises DamagedGguf where the file ends before.
        """
        if end > self.file_bytes:
            raise truncated_header(self.name)
        have_end = self.start + len(self.data)
        if end > have_end:
            if end > MAX_HEADER_BYTES:
                raise DamagedGguf(
                    f"{self.name} is damaged: its header claims more than {format_bytes(MAX_HEADER_BYTES)}.",
                    "Download it again, or choose another file.",
                )
            fetch_from = max(start, have_end)
            fetched = self._source.read_at(fetch_from, max(end - fetch_from, self._next_fetch_bytes))
            self._next_fetch_bytes = min(2 * self._next_fetch_bytes, LARGEST_FETCH_BYTES)
            self.data = self.data[start - self.start :] + fetched
            self.start = start
            if start + len(self.data) < end:  # somebody cut the file since it was opened
                raise truncated_header(self.name)
        return start - self.start


def truncated_header(name: str) -> DamagedGguf:
    return DamagedGguf(f"{name} is truncated: it ends in the middle of its header.", "Download it again.")


def _not_opened(error: OSError, path: Path) -> EnvironmentFault:
    # Windows reports a folder as "permission denied".
    return _not_a_file(path, is_folder=True) if os.path.isdir(path) else from_os_error(error, path)


def _not_a_file(path: Path, *, is_folder: bool) -> UnreadableFile:
    if is_folder:
        return UnreadableFile(f"{path} is a folder, not a model file.", "Choose a .gguf file in it.")
    return UnreadableFile(f"{path} is not a regular file.", "Choose a .gguf file.")
