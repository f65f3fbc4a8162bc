"""Messages in a stream of bytes, one after another.

Four bytes little-endian length, four bytes number of the call, then one MessagePack map with a `type` tag. The
application numbers its requests and may send as many as it likes; all replies to one have its number, and so has a
`Cancel` that ends it.
"""

from __future__ import annotations

import struct
from typing import IO, TypeVar

import msgspec

from app.runtime.protocol.replies import Reply
from app.runtime.protocol.requests import Request

T = TypeVar("T")

MESSAGE_LIMIT_BYTES = 64 * 1024 * 1024
"""No message comes near this; a longer one means the stream is out of step."""

CALLS = 2**32
"""Numbers of calls wrap around here."""

_HEAD = struct.Struct("<II")
_encoder = msgspec.msgpack.Encoder()
_request_decoder = msgspec.msgpack.Decoder(Request)
_reply_decoder = msgspec.msgpack.Decoder(Reply)


class ProtocolError(Exception):
    """The stream does not hold what the protocol says: the other end is broken."""


def write_message(stream: IO[bytes], call: int, message: Request | Reply) -> None:
    """One write and one flush; whoever writes from several threads lets only one in at a time."""
    write_frame(stream, frame(call, message))


def frame(call: int, message: Request | Reply) -> bytes:
    body = _encoder.encode(message)
    return _HEAD.pack(len(body), call) + body


def write_frame(stream: IO[bytes], content: bytes) -> None:
    stream.write(content)
    stream.flush()


def read_request(stream: IO[bytes]) -> tuple[int, Request] | None:
    """The next request with the number of its call; None at the end of the stream."""
    return _read(stream, _request_decoder)


def read_reply(stream: IO[bytes]) -> tuple[int, Reply] | None:
    """The next reply with the number of its call; None at the end of the stream."""
    return _read(stream, _reply_decoder)


def _read(stream: IO[bytes], decoder: msgspec.msgpack.Decoder[T]) -> tuple[int, T] | None:
    head = stream.read(_HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise ProtocolError("the stream ends inside a head")
    length, call = _HEAD.unpack(head)
    if length > MESSAGE_LIMIT_BYTES:
        raise ProtocolError(f"a message of {length} bytes")
    body = stream.read(length)
    if len(body) < length:
        raise ProtocolError("the stream ends inside a message")
    try:
        return call, decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"message of {len(body)} bytes: {error}") from error
