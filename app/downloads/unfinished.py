"""What has arrived of a file that is not whole: under hidden names beside the place where it will be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import WrongChoice, from_os_error
from app.downloads.content import Content

_STAT_BLOCK_BYTES = 512
"""In which st_blocks counts, whatever the file system's own blocks are."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """`partial` has the size of the whole file, with holes; `log` says which of its blocks have arrived; who holds the
    lock on `lock` writes both."""

    partial: Path
    log: Path
    lock: Path

    def held_bytes(self) -> int:
        """What it takes on disk, which is not its size where the file system knows holes."""
        try:
            told = self.partial.stat()
        except OSError:
            return 0
        # Windows, which has no st_blocks, allocates all of it from the start.
        return told.st_blocks * _STAT_BLOCK_BYTES if hasattr(told, "st_blocks") else told.st_size

    def remove(self) -> None:
        for path in (self.partial, self.log, self.lock):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    @contextmanager
    def locked(self, target: Path) -> Iterator[None]:
        """Against other processes, in the folder of `target`, which is made. A killed one's lock is free.

        Raises WrongChoice where another has it, and the fault behind a folder that cannot be written.
        """
        from filelock import FileLock, Timeout

        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.lock, timeout=0)
            lock.acquire()
        except Timeout:
            raise WrongChoice(
                f"Another Nibble is downloading {target.name}.", "Wait for it, or close the other one."
            ) from None
        except OSError as error:
            raise from_os_error(error, target, writing=True) from error
        try:
            yield
        finally:
            lock.release()
            if not self.partial.exists():
                self.remove()


def unfinished_of(target: Path, content: Content) -> Unfinished:
    """Of other content it is another."""
    # The target's name may be as long as names can be, and two targets may have one content.
    told = hashlib.sha256(f"{target.name}\n{content.etag}\n{content.size}".encode()).hexdigest()[:32]
    partial = target.with_name(f".{told}.download")
    return Unfinished(partial, partial.with_suffix(".blocks"), partial.with_suffix(".lock"))
