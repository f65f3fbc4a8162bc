"""How parts of a session stand in the database: MessagePack, compressed by zlib, whose checksum tells damage."""

from __future__ import annotations

import zlib
from typing import TypeVar

import msgspec

from app.compare.session import SessionModel
from app.core.errors import WrongContent
from app.runtime import Sampling

Part = TypeVar("Part")

OPENING, TURN, DIVERGENCE, BLIND = "opening", "turn", "divergence", "blind test"
"""The kinds of parts; that of a divergence goes on with which one it is."""
MOST_BYTES = 256 * 1024 * 1024
"""Of one part, not compressed: thousands of times what people do, and as much as memory can be asked for."""
_QUICK = 1
"""zlib's level: a window must not wait for the last byte that could be saved."""


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """The part that a session begins with."""

    models: tuple[SessionModel, ...]
    sampling: Sampling
    created_at: float


def packed(part: msgspec.Struct) -> bytes:
    """Raises WrongContent where it is too large to be kept."""
    plain = msgspec.msgpack.encode(part)
    if len(plain) > MOST_BYTES:
        raise WrongContent("This is too large to be kept with the comparison.")
    return zlib.compress(plain, _QUICK)


def unpacked(content: bytes, kind: type[Part]) -> Part:
    """Raises ValueError for what is damaged, is too large, or was written by a program that knows more."""
    try:
        inflating = zlib.decompressobj()
        plain = inflating.decompress(content, MOST_BYTES)
        if not inflating.eof:
            raise ValueError("cut off, or too large")
        return msgspec.msgpack.decode(plain, type=kind)
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
