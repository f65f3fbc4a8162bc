"""The pages of a SQLite file as its last transaction left them: the file itself, and over it what its log has.

Format: sqlite.org/fileformat2.html, sections 1.2 to 1.6 and 4. Python's sqlite3 has no way past a damaged page: it
comes without `dbpage` and the recovery extension, and a damaged inner page of a tree hides all that are below it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import from_os_error

MAGIC = b"SQLite format 3\0"
USUAL_PAGE_BYTES = 4096
LOG_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24
LOG_MAGIC = 0x377F0682
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Pages:
    """`usable`: bytes of each page that hold anything."""

    page_bytes: int
    usable: int
    count: int
    content: bytes
    logged: dict[int, bytes]

    def get(self, number: int) -> bytes | None:
        """The page; the first is number 1. None for what is not there whole."""
        if number in self.logged:
            return self.logged[number]
        page = self.content[(number - 1) * self.page_bytes : number * self.page_bytes] if number > 0 else b""
        return page if len(page) == self.page_bytes else None

    def free(self) -> set[int]:
        """Those of the list of free pages; empty where that cannot be read to its end."""
        first = self.get(1)
        if first is None or not first.startswith(MAGIC):
            return set()
        trunk, expected = struct.unpack_from(">II", first, 32)
        found: set[int] = set()
        while trunk and trunk not in found:
            page = self.get(trunk)
            if page is None:
                return set()
            following, leaves = struct.unpack_from(">II", page)
            if leaves > self.usable // 4 - 2:
                return set()
            found.add(trunk)
            found.update(struct.unpack_from(f">{leaves}I", page, 8))
            trunk = following
        return found if len(found) == expected else set()


def read_pages(database: Path) -> Pages:
    """Raises the fault behind a file that cannot be opened; what a disk cannot read of it is zeros."""
    content = _read(database)
    log = database.with_name(f"{database.name}-wal")
    log_bytes = _read(log) if log.exists() else b""
    page_bytes, reserved = _sizes(content, log_bytes)
    logged = _logged_pages(log_bytes, page_bytes)
    count = max(-(-len(content) // page_bytes), max(logged, default=0))
    return Pages(page_bytes, page_bytes - reserved, count, content, logged)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb", buffering=0) as file:
            size = path.stat().st_size
            parts = []
            for start in range(0, size, _CHUNK_BYTES):
                wanted = min(_CHUNK_BYTES, size - start)
                try:
                    file.seek(start)
                    part = file.read(wanted) or b""
                except OSError:
                    part = _read_piecewise(file.fileno(), start, wanted)
                parts.append(part.ljust(wanted, b"\0"))
            return b"".join(parts)
    except OSError as error:
        raise from_os_error(error, path) from error


def _read_piecewise(descriptor: int, start: int, wanted: int) -> bytes:
    import os

    parts = []
    for place in range(start, start + wanted, 4096):
        length = min(4096, start + wanted - place)
        try:
            os.lseek(descriptor, place, os.SEEK_SET)
            part = os.read(descriptor, length)
        except OSError:
            part = b""
        parts.append(part.ljust(length, b"\0"))
    return b"".join(parts)


def _sizes(content: bytes, log: bytes) -> tuple[int, int]:
    """Bytes of a page, and how many at its end are reserved. Where the header is damaged: as Nibble makes them."""
    if content.startswith(MAGIC) and len(content) >= 100:
        told = struct.unpack_from(">H", content, 16)[0]
        page_bytes, reserved = (65536 if told == 1 else told), content[20]
        if _is_size(page_bytes) and reserved <= 32:
            return page_bytes, reserved
    if len(log) >= LOG_HEADER_BYTES:
        page_bytes = struct.unpack_from(">I", log, 8)[0]
        if _is_size(page_bytes):
            return page_bytes, 0
    return USUAL_PAGE_BYTES, 0


def _is_size(page_bytes: int) -> bool:
    return 512 <= page_bytes <= 65536 and page_bytes & (page_bytes - 1) == 0


def _logged_pages(log: bytes, page_bytes: int) -> dict[int, bytes]:
    """Of the log's committed transactions, up to the first frame whose checksum is not right, as SQLite does."""
    if len(log) < LOG_HEADER_BYTES:
        return {}
    magic, _, size, _, *salts_and_sums = struct.unpack_from(">8I", log)
    if magic & ~1 != LOG_MAGIC or size != page_bytes:
        return {}
    order = ">" if magic & 1 else "<"
    salts, told = tuple(salts_and_sums[:2]), tuple(salts_and_sums[2:])
    sums = _checksum(log[:24], order, (0, 0))
    if sums != told:
        return {}
    pages: dict[int, bytes] = {}
    pending: dict[int, bytes] = {}
    frame_bytes = FRAME_HEADER_BYTES + page_bytes
    for start in range(LOG_HEADER_BYTES, len(log) - frame_bytes + 1, frame_bytes):
        number, size_after, *rest = struct.unpack_from(">6I", log, start)
        page = log[start + FRAME_HEADER_BYTES : start + frame_bytes]
        sums = _checksum(log[start : start + 8] + page, order, sums)
        if number == 0 or tuple(rest[:2]) != salts or tuple(rest[2:]) != sums:
            break
        pending[number] = page
        if size_after:  # a transaction's last frame
            pages.update(pending)
            pending.clear()
            pages = {number: page for number, page in pages.items() if number <= size_after}
    return pages


def _checksum(data: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second
