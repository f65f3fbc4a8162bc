"""Which parts of an unfinished file have arrived: a file beside it that only grows.

One line of JSON says what is being fetched, then each line is a block: its number and the CRC-32 of its bytes, or "-"
where the block has to be fetched again. A line is written after its block. What a killed process wrote is still with
the operating system; after a power cut blocks may be missing that the log names, so whoever goes on reads them again
and compares.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.downloads.content import Content

_MEBIBYTE = 1 << 20
_MOST_LOG_BYTES = 64 * _MEBIBYTE
_FEWEST_BLOCK_BYTES = 1 << 16


class Extent(msgspec.Struct, frozen=True):
    """A file in blocks of `block_bytes`; the last one may be shorter."""

    etag: str
    size: int
    block_bytes: int

    @property
    def block_count(self) -> int:
        return -(-self.size // self.block_bytes)

    def span(self, block: int) -> tuple[int, int]:
        """First byte, and the one after the last."""
        start = block * self.block_bytes
        return start, min(start + self.block_bytes, self.size)


def extent_of(content: Content) -> Extent:
    """With blocks of 64 KiB to 16 MiB, some 64 of them in a file of middling size."""
    block_bytes = min(max(content.size // 64, _FEWEST_BLOCK_BYTES), 16 * _MEBIBYTE)
    return Extent(content.etag, content.size, block_bytes // _FEWEST_BLOCK_BYTES * _FEWEST_BLOCK_BYTES)


class BlockLog:
    """Goes on with what `path` says if it speaks of the same content, or else begins anew. Raises OSError."""

    def __init__(self, path: Path, content: Content) -> None:
        wanted = extent_of(content)
        known = _read(path, wanted)
        self.extent, self.checksums = known or (wanted, {})
        """Checksums of the blocks that have arrived, by number."""
        self._file = path.open("ab" if known else "wb", buffering=0)
        # Known: ends what a killed writer may have begun. A checksum that was cut off will not be its block's.
        self._file.write(b"\n" if known else msgspec.json.encode(wanted) + b"\n")

    def add(self, block: int, checksum: int) -> None:
        self.checksums[block] = checksum
        self._file.write(b"%d %08x\n" % (block, checksum))

    def forget(self, block: int) -> None:
        """Its bytes turned out to be wrong."""
        self.checksums.pop(block, None)
        self._file.write(b"%d -\n" % block)

    def close(self) -> None:
        self._file.close()


def _read(path: Path, wanted: Extent) -> tuple[Extent, dict[int, int]] | None:
    """None for a log that is missing, damaged or of other content."""
    try:
        with path.open("rb") as file:
            head, *lines = file.read(_MOST_LOG_BYTES).split(b"\n")
        extent = msgspec.json.decode(head, type=Extent)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if (extent.etag, extent.size) != (wanted.etag, wanted.size) or extent.block_bytes < _FEWEST_BLOCK_BYTES:
        return None
    checksums: dict[int, int] = {}
    for line in lines:
        try:
            number, checksum = line.split()
            block = int(number)
            if not 0 <= block < extent.block_count:
                continue
            if checksum == b"-":
                checksums.pop(block, None)
            else:
                checksums[block] = int(checksum, 16)
        except ValueError:
            continue
    return extent, checksums
