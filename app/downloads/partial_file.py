"""A file as far as it has arrived, and what is still to be fetched of it, handed out in runs of blocks."""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

from app.downloads.block_log import BlockLog

_RUN_BYTES = 32 << 20
"""Much for one request, so that the ways there and back between them hardly count."""


@dataclass(slots=True, eq=False)
class Run:
    """Bytes from `position` to `end`; `checksum` is that of the present block so far."""

    position: int
    end: int
    checksum: int = 0


class PartialFile:
    """For several threads; `changed` is notified when a block has arrived. What comes in after `close` is not written.

    Raises OSError where the file or its block log cannot be written.
    """

    def __init__(self, path: Path, log: BlockLog) -> None:
        self.changed = threading.Condition()
        self.path = path
        self.extent = log.extent
        self._log = log
        self._whole_bytes = sum(self._bytes_of(block) for block in log.checksums)
        self._open_runs: list[Run] = []
        self._only_to_the_end = False
        self._is_closed = False
        with path.open("ab") as file:
            file.truncate(self.extent.size)  # mostly a hole at first, where the file system knows holes
        self._file = path.open("r+b", buffering=0)

    def close(self) -> None:
        with self.changed:
            self._is_closed = True
            self._file.close()

    @property
    def only_to_the_end(self) -> bool:
        """Whether one run at a time is handed out, of all that is missing."""
        return self._only_to_the_end

    @property
    def received_bytes(self) -> int:
        """Of the blocks that are whole, and of those that are on their way."""
        with self.changed:
            return self._whole_bytes + sum(
                run.position - self._block_start(run)
                for run in self._open_runs
                if not self.arrived(self._block_of(run))
            )

    def arrived(self, block: int) -> bool:
        return block in self._log.checksums

    def checksum(self, block: int) -> int:
        """Of a block that has arrived."""
        return self._log.checksums[block]

    def extend_to_the_end(self, run: Run) -> bool:
        """For a server that sends only whole files; False where `run` cannot be all, since there are others still."""
        with self.changed:
            self._only_to_the_end = True
            if self._open_runs != [run]:
                return False
            run.end = self.extent.size
            return True

    def take(self) -> Run | None:
        """The first that nobody fetches; None where there is none."""
        with self.changed:
            if self._only_to_the_end and self._open_runs:
                return None
            first = next((b for b in range(self.extent.block_count) if self._is_free(b)), None)
            if first is None:
                return None
            run = Run(self.extent.span(first)[0], self._end_of_run(first))
            self._open_runs.append(run)
            return run

    def give_back(self, run: Run) -> None:
        """What has come of a block that is not whole will not be used."""
        with self.changed:
            self._open_runs.remove(run)

    def receive(self, run: Run, piece: memoryview) -> None:
        """Writes the next bytes of `run`, but for those that are there already: they may have been checked."""
        while piece:
            block = self._block_of(run)
            end = self.extent.span(block)[1]
            part, piece = piece[: end - run.position], piece[end - run.position :]
            checksum = zlib.crc32(part, run.checksum)
            with self.changed:
                if self._is_closed:
                    return
                if not self.arrived(block):
                    self._write(run.position, part)
                run.position += len(part)
                run.checksum = checksum if run.position < end else 0
                if run.position == end and not self.arrived(block):
                    self._log.add(block, checksum)
                    self._whole_bytes += self._bytes_of(block)
                    self.changed.notify_all()

    def lose(self, block: int) -> None:
        """What is on disk is not what arrived, or what arrived is not what the Hub has: fetch it again."""
        with self.changed:
            self._log.forget(block)
            self._whole_bytes -= self._bytes_of(block)

    def _write(self, position: int, part: memoryview) -> None:
        self._file.seek(position)
        while part:
            part = part[self._file.write(part) or 0 :]

    def _end_of_run(self, first: int) -> int:
        if self._only_to_the_end:
            return self.extent.size
        last = first
        limit = min(first + max(_RUN_BYTES // self.extent.block_bytes, 1), self.extent.block_count)
        while last + 1 < limit and self._is_free(last + 1):
            last += 1
        return self.extent.span(last)[1]

    def _is_free(self, block: int) -> bool:
        start = self.extent.span(block)[0]
        return not self.arrived(block) and not any(
            self._block_start(run) <= start < run.end for run in self._open_runs
        )

    def _block_start(self, run: Run) -> int:
        return self._block_of(run) * self.extent.block_bytes

    def _block_of(self, run: Run) -> int:
        return run.position // self.extent.block_bytes

    def _bytes_of(self, block: int) -> int:
        start, end = self.extent.span(block)
        return end - start
