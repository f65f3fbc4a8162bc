"""The wire: every message survives it, and a broken stream is noticed instead of waited for."""

from __future__ import annotations

import io
import os
import struct
import threading
import types
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.runtime.protocol import (
    ANSWERS,
    CALLS,
    FINAL_REPLIES,
    MESSAGE_LIMIT_BYTES,
    Cancel,
    Piece,
    ProtocolError,
    Reply,
    Request,
    read_reply,
    read_request,
    write_message,
)

BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(),
    bytes: st.binary(),
    int: st.integers(-(2**63), 2**64 - 1),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    types.NoneType: st.none(),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Anything a field of type `kind` can hold."""
    if kind in BY_TYPE:
        return BY_TYPE[kind]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = {field.name: values(field.type) for field in msgspec.structs.fields(kind)}
        return st.builds(kind, **fields)
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) in (types.UnionType, Union):  # the latter where a Literal is one of the options
        return st.one_of([values(option) for option in get_args(kind)])
    if get_origin(kind) is dict:  # of JSON's kind
        return st.dictionaries(
            st.text(max_size=3), st.one_of(st.text(), st.integers(-9, 9), st.none()), max_size=3
        )
    (item, *rest) = get_args(kind)  # tuples are the only other generic type on the wire
    if rest != [...]:
        return st.tuples(values(item), *map(values, rest))
    return st.lists(values(item), max_size=3).map(tuple)


def messages(union: Any) -> st.SearchStrategy[Any]:
    return st.one_of([values(kind) for kind in get_args(union)])


def framed(*sent: Any) -> bytes:
    """Messages of the calls 0, 1, 2, …"""
    stream = io.BytesIO()
    for call, message in enumerate(sent):
        write_message(stream, call, message)
    return stream.getvalue()


def head(length: int, call: int = 0) -> bytes:
    return struct.pack("<II", length, call)


@given(st.lists(messages(Request), max_size=3))
def test_requests_written_one_after_another_are_read_back_and_then_the_end(sent: list[Any]) -> None:
    stream = io.BytesIO(framed(*sent))
    assert [read_request(stream) for _ in range(len(sent) + 1)] == [*enumerate(sent), None]


@given(st.lists(messages(Reply), max_size=3))
def test_replies_written_one_after_another_are_read_back_and_then_the_end(sent: list[Any]) -> None:
    stream = io.BytesIO(framed(*sent))
    assert [read_reply(stream) for _ in range(len(sent) + 1)] == [*enumerate(sent), None]


def test_it_is_told_for_each_request_which_replies_belong_to_it() -> None:
    assert set(ANSWERS) == set(get_args(Request)) - {Cancel}
    assert {reply for replies in ANSWERS.values() for reply in replies} <= set(get_args(Reply))
    assert all(set(replies) & set(FINAL_REPLIES) for replies in ANSWERS.values())


@given(messages(Reply), st.data())
def test_stream_cut_inside_a_message_raises_protocol_error(sent: Any, data: st.DataObject) -> None:
    whole = framed(sent)
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(ProtocolError, match="ends inside"):
        read_reply(io.BytesIO(whole[:cut]))


def test_pipe_closed_inside_a_message_raises_protocol_error_instead_of_waiting() -> None:
    reading, writing = os.pipe()
    outcome: list[BaseException] = []

    def read() -> None:
        with os.fdopen(reading, "rb") as stream:
            try:
                read_reply(stream)
            except ProtocolError as error:
                outcome.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    os.write(writing, framed(Piece(text="a long enough piece", tokens=1))[:10])
    os.close(writing)
    thread.join(10)
    assert len(outcome) == 1


@pytest.mark.parametrize("length", [MESSAGE_LIMIT_BYTES + 1, 2**32 - 1])
def test_oversized_length_raises_protocol_error_before_anything_is_read(length: int) -> None:
    stream = io.BytesIO(head(length) + b"x" * 100)
    with pytest.raises(ProtocolError, match=str(length)):
        read_reply(stream)
    assert stream.tell() == 8


@given(st.integers(0, CALLS - 1))
def test_number_of_a_call_survives_the_wire(call: int) -> None:
    stream = io.BytesIO()
    write_message(stream, call, Cancel())
    stream.seek(0)
    assert read_request(stream) == (call, Cancel())


def read_all(content: bytes, read: Any) -> list[Any]:
    stream = io.BytesIO(content)
    found = []
    try:
        while (message := read(stream)) is not None:
            found.append(message[1])
    except ProtocolError:
        pass
    return found


@settings(max_examples=300)
@given(st.binary(max_size=200), st.booleans())
def test_garbage_is_read_to_a_protocol_error_or_the_end(content: bytes, with_length: bool) -> None:
    for read, union in ((read_reply, Reply), (read_request, Request)):
        stream = head(len(content)) + content if with_length else content
        assert all(isinstance(message, get_args(union)) for message in read_all(stream, read))


@settings(max_examples=300)
@given(messages(Reply), st.data())
def test_message_with_bytes_changed_is_another_message_or_a_protocol_error(
    sent: Any, data: st.DataObject
) -> None:
    content = bytearray(framed(sent))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert all(isinstance(message, get_args(Reply)) for message in read_all(bytes(content), read_reply))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        msgspec.msgpack.encode([1, 2]),
        msgspec.msgpack.encode({"type": "Nonsense"}),
        msgspec.msgpack.encode({"type": "Piece", "text": "no tokens"}),
        msgspec.msgpack.encode({"type": "Piece", "text": 5, "tokens": 1}),
        msgspec.msgpack.encode({"type": "Load", "path": "a request, not a reply"}),
        b"\x83\xa4type\xa5Piece\xa4text\xa2\xff\xfe\xa6tokens\x01",  # text that is no UTF-8
        b"\x82\xa4type\xa5Piece\xa1x" + b"\x91" * 100_000 + b"\x01",  # nested without end
    ],
)
def test_body_that_is_no_reply_raises_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError, match=f"{len(body)} bytes"):
        read_reply(io.BytesIO(head(len(body)) + body))
