"""Reads the keys and values of a header, and skips the arrays nobody asked for quickly."""

from __future__ import annotations

import re
import struct
from functools import cache
from itertools import repeat
from operator import length_hint

from app.core.errors import DamagedGguf
from app.gguf.cursor import SCALAR_CODES, Cursor, shorten
from app.gguf.header import ByteOrder, KeepArray, MetadataValue, Scalar, SkippedArray

_SMALLEST_KEY_BYTES = 8 + 1 + 4 + 1
_MOST_KEYS = 1 << 16
_BLOCK = 64

_STRING = 8
_ARRAY = 9
_TYPE_NAMES = {
    0: "uint8",
    1: "int8",
    2: "uint16",
    3: "int16",
    4: "uint32",
    5: "int32",
    6: "float32",
    7: "bool",
    _STRING: "string",
    10: "uint64",
    11: "int64",
    12: "float64",
}


def read_metadata(cursor: Cursor, count: int, keep_array: KeepArray) -> dict[str, MetadataValue]:
    cursor.expect_room(count, _SMALLEST_KEY_BYTES, "metadata keys", most=_MOST_KEYS)
    metadata: dict[str, MetadataValue] = {}
    for _ in repeat(None, count):
        key = cursor.string()
        if not key or key in metadata:
            flaw = f"its header has the key {shorten(key)} twice" if key else "its header has an empty key"
            raise cursor.damaged(flaw)
        metadata[key] = read_value(cursor, key, keep_array)
    return metadata


def read_value(cursor: Cursor, key: str, keep_array: KeepArray) -> MetadataValue:
    (kind,) = cursor.take(cursor.formats.u32)
    if kind == _ARRAY:
        return _read_array(cursor, key, keep_array)
    return _read_scalar(cursor, key, kind)


def _read_scalar(cursor: Cursor, key: str, kind: int) -> Scalar:
    if kind == _STRING:
        return cursor.string()
    form = cursor.formats.scalars.get(kind)
    if form is None:
        raise _unknown_value_type(cursor, key, kind)
    value: Scalar = cursor.take(form)[0]
    return value


def _read_array(cursor: Cursor, key: str, keep_array: KeepArray) -> tuple[Scalar, ...] | SkippedArray:
    kind, count = cursor.take(cursor.formats.array_head)
    if kind == _ARRAY:  # llama.cpp refuses it as well
        raise cursor.damaged(f"the value of {shorten(key)} is an array of arrays")
    if kind != _STRING and kind not in cursor.formats.scalars:
        raise _unknown_value_type(cursor, key, kind)
    smallest = 8 if kind == _STRING else cursor.formats.scalars[kind].size
    cursor.expect_room(count, smallest, f"values under {shorten(key)}")
    if not keep_array(key, count):
        if kind == _STRING:
            _skip_strings(cursor, count)
        else:
            cursor.skip(count * smallest)
        return SkippedArray(_TYPE_NAMES[kind], count)
    if kind == _STRING:
        return tuple(cursor.string() for _ in repeat(None, count))
    return cursor.take(struct.Struct(f"{cursor.formats.order}{count}{SCALAR_CODES[kind]}"))


def _skip_strings(cursor: Cursor, count: int) -> None:
    """The hot place: a vocabulary with its merges has up to 800 000 strings.

    Hopping from length to length takes 70 ns each in a Python loop; a pattern that matches blocks
    of strings takes 40, and what it does not match (a long string, the end of the window) is left
    to the loop. Neither looks whether the bytes are there: `unpack_from` does, and after its
    refusal the window moves and the work goes on where it stopped.
    """
    unpack = cursor.formats.u64.unpack_from
    match = _string_block(cursor.formats.order).match
    while count:
        start = index = cursor.window.cover(cursor.position, cursor.position + 8)
        data = cursor.window.data
        todo = repeat(None, 0)
        try:
            while count:
                block = min(count, _BLOCK)
                count -= block
                if block == _BLOCK and (found := match(data, index)):
                    index = found.end()
                    continue
                todo = repeat(None, block)
                for _ in todo:
                    (size,) = unpack(data, index)
                    index += size + 8
        except (struct.error, OverflowError):  # OverflowError: an index beyond 2^63
            count += length_hint(todo) + 1
        cursor.skip(index - start)


@cache
def _string_block(order: str) -> re.Pattern[bytes]:
    """Matches exactly `_BLOCK` strings of at most 63 bytes, the commonest lengths tried first.

    Possessive (`+` after the counts), so that nothing is remembered for going back.
    """
    byte_order: ByteOrder = "little" if order == "<" else "big"
    lengths = sorted(range(64), key=lambda length: abs(length - 8))
    strings = b"|".join(re.escape(length.to_bytes(8, byte_order)) + b".{%d}+" % length for length in lengths)
    return re.compile(b"(?s:(?:%s){%d}+)" % (strings, _BLOCK))


def _unknown_value_type(cursor: Cursor, key: str, kind: int) -> DamagedGguf:
    return cursor.damaged(f"the value of {shorten(key)} has the unknown type {kind}")
