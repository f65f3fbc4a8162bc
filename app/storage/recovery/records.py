"""The records in one page of a tree, each taken only where every length in it agrees with the others.

Format: sqlite.org/fileformat2.html, sections 1.6 and 2.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from app.storage.recovery.pages import Pages

TABLE_LEAF, TABLE_INNER, INDEX_LEAF, INDEX_INNER = 0x0D, 0x05, 0x0A, 0x02
_LEAVES = (TABLE_LEAF, INDEX_LEAF)
_KINDS = (TABLE_LEAF, TABLE_INNER, INDEX_LEAF, INDEX_INNER)
_MOST_OVERFLOW_BYTES = 1 << 30
Value = int | float | str | bytes | None


class Damaged(Exception):
    """What is looked at cannot be what it should be."""


@dataclass(frozen=True)
class Record:
    """`rowid`: None in the tree of an index or of a table without. `overflow`: pages that hold its end."""

    rowid: int | None
    values: tuple[Value, ...]
    overflow: tuple[int, ...] = ()


@dataclass(frozen=True)
class Node:
    """A page of a tree. `is_whole`: nothing in it contradicts anything else. `children`: in order, of an inner one."""

    kind: int
    records: tuple[Record, ...]
    children: tuple[int, ...]
    is_whole: bool


def kind_of(pages: Pages, number: int) -> int | None:
    """None for what is no page of a tree."""
    page = pages.get(number)
    kind = page[100 if number == 1 else 0] if page is not None else None
    return kind if kind in _KINDS else None


def read_node(pages: Pages, number: int) -> Node | None:
    """None for what is no page of a tree."""
    page = pages.get(number)
    if page is None:
        return None
    start = 100 if number == 1 else 0
    kind, _, cells = struct.unpack_from(">BHH", page, start)
    if kind not in _KINDS:
        return None
    head = start + (8 if kind in _LEAVES else 12)
    if head + 2 * cells > pages.usable:
        return Node(kind, (), (), False)
    return _Reader(pages, page, kind).node(head, cells, start)


class _Reader:
    """Of one page."""

    def __init__(self, pages: Pages, page: bytes, kind: int) -> None:
        self._pages, self._page, self._kind = pages, page[: pages.usable], kind

    def node(self, head: int, cells: int, start: int) -> Node:
        places = struct.unpack_from(f">{cells}H", self._page, head)
        found: list[tuple[int, int, int | None, Record | None]] = []  # from, to, child, record
        is_whole = True
        for place in places:
            try:
                if place < head + 2 * cells:
                    raise Damaged
                found.append((place, *self._cell(place)))
            except (Damaged, IndexError, struct.error, OverflowError):
                is_whole = False
        sound = self._apart(found)
        is_whole = is_whole and len(sound) == len(found)
        records = [record for *_, record in sound if record is not None]
        if self._kind == TABLE_LEAF:
            ordered = _ascending(records)
            is_whole = is_whole and len(ordered) == len(records)
            records = ordered
        children = [child for _, _, child, _ in sound if child is not None]
        if self._kind not in _LEAVES:
            children.append(struct.unpack_from(">I", self._page, start + 8)[0])
        return Node(self._kind, tuple(records), tuple(children), is_whole)

    @staticmethod
    def _apart(
        found: list[tuple[int, int, int | None, Record | None]],
    ) -> list[tuple[int, int, int | None, Record | None]]:
        """Without cells that lie on each other: of those at least one is not what it seems."""
        by_place = sorted(range(len(found)), key=lambda index: found[index][0])
        bad: set[int] = set()
        reach, reached_by = -1, -1
        for index in by_place:
            if found[index][0] < reach:
                bad |= {index, reached_by}
            if found[index][1] > reach:
                reach, reached_by = found[index][1], index
        return [cell for index, cell in enumerate(found) if index not in bad]

    def _cell(self, place: int) -> tuple[int, int | None, Record | None]:
        """Where it ends, the page below it, its record."""
        child = None
        if self._kind not in _LEAVES:
            child = struct.unpack_from(">I", self._page, place)[0]
            place += 4
        if self._kind == TABLE_INNER:
            _, place = _varint(self._page, place)
            return place, child, None
        size, place = _varint(self._page, place)
        rowid = None
        if self._kind == TABLE_LEAF:
            rowid, place = _varint(self._page, place)
        payload, end, overflow = self._payload(size, place)
        return end, child, Record(rowid, _values(payload), overflow)

    def _payload(self, size: int, place: int) -> tuple[bytes, int, tuple[int, ...]]:
        usable = self._pages.usable
        most = usable - 35 if self._kind == TABLE_LEAF else (usable - 12) * 64 // 255 - 23
        least = (usable - 12) * 32 // 255 - 23
        if size <= most:
            local = size
        else:
            local = least + (size - least) % (usable - 4)
            local = local if local <= most else least
        if place + local > usable or not 0 < size < _MOST_OVERFLOW_BYTES:
            raise Damaged
        payload = self._page[place : place + local]
        if local == size:
            return payload, place + local, ()
        first = struct.unpack_from(">I", self._page, place + local)[0]
        rest, overflow = self._overflow(first, size - local)
        return payload + rest, place + local + 4, overflow

    def _overflow(self, number: int, missing: int) -> tuple[bytes, tuple[int, ...]]:
        parts, numbers, room = [], [], self._pages.usable - 4
        if missing > self._pages.count * room:
            raise Damaged
        while missing > 0:
            page = self._pages.get(number)
            if page is None or number in numbers:
                raise Damaged
            numbers.append(number)
            parts.append(page[4 : 4 + min(missing, room)])
            missing -= room
            number = struct.unpack_from(">I", page)[0]
        if number:  # the chain goes on where it should end
            raise Damaged
        return b"".join(parts), tuple(numbers)


def _ascending(records: Sequence[Record]) -> list[Record]:
    """The longest run of them in which row ids ascend, as they do in a page that is whole."""
    ends: list[int] = []
    at: list[int] = []
    before: list[int | None] = []
    for index, record in enumerate(records):
        assert record.rowid is not None
        place = bisect_left(ends, record.rowid)
        before.append(at[place - 1] if place else None)
        ends[place:] = [*([record.rowid]), *ends[place + 1 :]]
        at[place:] = [index, *at[place + 1 :]]
    chain: list[Record] = []
    last: int | None = at[-1] if at else None
    while last is not None:
        chain.append(records[last])
        last = before[last]
    return chain[::-1]


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for index in range(9):
        byte = data[place + index]
        if index == 8:
            value = value << 8 | byte
            break
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return (value - (1 << 64) if value >= 1 << 63 else value), place + index + 1


_INTEGER_BYTES = (0, 1, 2, 3, 4, 6, 8)


def _values(payload: bytes) -> tuple[Value, ...]:
    end, place = _varint(payload, 0)
    types = []
    while place < end:
        kind = payload[place]
        if kind < 0x80:
            place += 1
        else:
            kind, place = _varint(payload, place)
        types.append(kind)
    if place != end:
        raise Damaged
    values: list[Value] = []
    for kind in types:
        size = _size(kind)
        if place + size > len(payload):
            raise Damaged
        values.append(_value(kind, payload[place : place + size]))
        place += size
    if place != len(payload):
        raise Damaged
    return tuple(values)


def _size(kind: int) -> int:
    if 0 <= kind <= 6:
        return _INTEGER_BYTES[kind]
    if kind == 7:
        return 8
    if kind in (8, 9):
        return 0
    if kind >= 12:
        return (kind - 12) // 2
    raise Damaged


def _value(kind: int, data: bytes) -> Value:
    if kind == 0:
        return None
    if kind <= 6:
        return int.from_bytes(data, "big", signed=True)
    if kind == 7:
        return float(struct.unpack(">d", data)[0])
    if kind in (8, 9):
        return kind - 8
    if kind % 2 == 0:
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Damaged from None
