"""A position in a header and how to read numbers and strings from there, in either byte order."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.core.errors import DamagedGguf
from app.gguf.header import ByteOrder
from app.gguf.source import Window, truncated_header

MAX_DIMENSIONS = 4
SCALAR_CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""`struct`'s code by the number of the GGUF value type."""


@dataclass(frozen=True)
class Formats:
    """The file's number formats in its byte order, compiled once."""

    order: str
    counts: struct.Struct
    u32: struct.Struct
    u64: struct.Struct
    array_head: struct.Struct
    scalars: Mapping[int, struct.Struct]
    tensor_tails: tuple[struct.Struct, ...]


@cache
def formats_of(byte_order: ByteOrder) -> Formats:
    order = "<" if byte_order == "little" else ">"
    return Formats(
        order=order,
        counts=struct.Struct(f"{order}QQ"),
        u32=struct.Struct(f"{order}I"),
        u64=struct.Struct(f"{order}Q"),
        array_head=struct.Struct(f"{order}IQ"),
        scalars={number: struct.Struct(order + code) for number, code in SCALAR_CODES.items()},
        tensor_tails=tuple(struct.Struct(f"{order}{count}QIQ") for count in range(MAX_DIMENSIONS + 1)),
    )


class Cursor:
    """A position in the window, and how to read from there."""

    def __init__(self, window: Window, byte_order: ByteOrder, position: int) -> None:
        self.window = window
        self.formats = formats_of(byte_order)
        self.position = position

    @property
    def remaining(self) -> int:
        return self.window.file_bytes - self.position

    def take(self, form: struct.Struct) -> tuple[Any, ...]:
        index = self._step(form.size)  # before `data` is looked at: the window may move
        return form.unpack_from(self.window.data, index)

    def string(self) -> str:
        (size,) = self.take(self.formats.u64)
        index = self._step(size)
        return self.window.data[index : index + size].decode("utf-8", errors="replace")

    def skip(self, size: int) -> None:
        """Steps over `size` bytes without fetching them."""
        self.position += size
        if self.position > self.window.file_bytes:
            raise truncated_header(self.window.name)

    def _step(self, size: int) -> int:
        """Steps over `size` bytes, which are then in the window; returns their index in it."""
        index = self.window.cover(self.position, self.position + size)
        self.position += size
        return index

    def expect_room(self, count: int, smallest_bytes: int, things: str, most: int | None = None) -> None:
        """Raises DamagedGguf unless the rest of the file has room for `count` things."""
        if count * smallest_bytes > self.remaining or (most is not None and count > most):
            raise DamagedGguf(
                f"{self.window.name} is truncated or damaged: its header claims {count} {things}.",
                "Download it again, or choose another file.",
            )

    def damaged(self, reason: str) -> DamagedGguf:
        return DamagedGguf(
            f"{self.window.name} is damaged: {reason}.", "Download it again, or choose another file."
        )


def shorten(value: object) -> str:
    """A value from a file as it may stand in a sentence: quoted, printable, at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
