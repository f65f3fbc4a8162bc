"""What the process that reads a PDF file says on its standard output: frames of MessagePack, each after its length in
four bytes, little-endian."""

from __future__ import annotations

import struct
from typing import IO

import msgspec

MOST_FRAME_BYTES = 32 * 1024 * 1024
_HEAD = struct.Struct("<I")


class Opened(msgspec.Struct, frozen=True, tag=True):
    pages: int


class Page(msgspec.Struct, frozen=True, tag=True):
    """The next page; `text` None: it could not be read."""

    text: str | None
    is_last: bool


class Failure(msgspec.Struct, frozen=True, tag=True):
    """`kind`: "password", "broken", "no_pdf", "memory" or "time"."""

    kind: str


PdfMessage = Opened | Page | Failure

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[PdfMessage] = msgspec.msgpack.Decoder(PdfMessage)


def write_frame(stream: IO[bytes], message: PdfMessage) -> None:
    body = _encoder.encode(message)
    stream.write(_HEAD.pack(len(body)) + body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> PdfMessage | None:
    """None at the end. Raises ValueError or msgspec's errors for what is no frame."""
    head = stream.read(_HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise ValueError("the stream ends inside a head")
    (length,) = _HEAD.unpack(head)
    if length > MOST_FRAME_BYTES:
        raise ValueError(f"a frame of {length} bytes")
    body = stream.read(length)
    if len(body) < length:
        raise ValueError("the stream ends inside a frame")
    return _decoder.decode(body)
