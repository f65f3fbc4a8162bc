"""What `read_header` returns for sound files, whatever their version, byte order or source."""

from __future__ import annotations

import struct
from pathlib import Path

import gguf
import pytest

from app.gguf import SkippedArray, read_header
from app.gguf.source import FIRST_FETCH_BYTES
from tests.helpers.raw_gguf import (
    ARRAY,
    BOOL,
    F16,
    F32,
    FLOAT32,
    FLOAT64,
    INT8,
    INT16,
    INT32,
    INT64,
    STRING,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    InMemory,
    RawGguf,
    llama_header,
)
from tests.helpers.tiny_gguf import CHATML, write_tiny_model

SCALARS = [
    (UINT8, 200),
    (INT8, -100),
    (UINT16, 60_000),
    (INT16, -30_000),
    (UINT32, 4_000_000_000),
    (INT32, -2_000_000_000),
    (FLOAT32, 0.5),
    (BOOL, True),
    (STRING, "çà et là 漢字"),
    (UINT64, (1 << 64) - 1),
    (INT64, -(1 << 63)),
    (FLOAT64, 1e300),
]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [2, 3])
def test_read_header_of_either_version_and_byte_order_gives_all_values(
    tmp_path: Path, version: int, order: str
) -> None:
    raw = RawGguf(version=version, order=order)  # type: ignore[arg-type]
    for kind, value in SCALARS:
        raw.key(f"scalar.{kind}", kind, value)
        raw.key_array(f"array.{kind}", kind, [value, value])
    raw.key_array("empty", STRING, [])
    raw.tensor("a", (4, 2, 3), F32, offset=0, data_bytes=96).tensor("b", (), F16, offset=96, data_bytes=2)
    path = tmp_path / "all.gguf"
    path.write_bytes(raw.to_bytes())

    header = read_header(path, lambda key, count: True)

    assert header.version == version
    assert header.byte_order == ("little" if order == "<" else "big")
    assert header.metadata == {
        **{f"scalar.{kind}": value for kind, value in SCALARS},
        **{f"array.{kind}": (value, value) for kind, value in SCALARS},
        "empty": (),
    }
    data_offset = -(-len(raw.header()) // 32) * 32
    assert header.data_offset == data_offset
    assert header.file_bytes == path.stat().st_size
    first, second = header.tensors
    assert (first.name, first.shape, first.type, first.elements) == ("a", (4, 2, 3), "F32", 24)
    assert (first.offset, first.size_bytes) == (data_offset, 24 * 4)
    assert (second.shape, second.type, second.elements, second.size_bytes) == ((), "F16", 1, 2)
    assert second.offset == data_offset + 96


def test_read_header_skips_arrays_nobody_asked_for(tmp_path: Path) -> None:
    raw = llama_header().key_array("llama.attention.head_count_kv", UINT32, [4, 2])
    raw.key_array("tokenizer.ggml.scores", FLOAT32, [0.0, 1.0, 2.0])
    raw.key("after", UINT8, 7)
    path = tmp_path / "arrays.gguf"
    path.write_bytes(raw.to_bytes())

    metadata = read_header(path, lambda key, count: key.endswith("head_count_kv")).metadata

    assert metadata["tokenizer.ggml.tokens"] == SkippedArray("string", 4)
    assert metadata["tokenizer.ggml.scores"] == SkippedArray("float32", 3)
    assert metadata["llama.attention.head_count_kv"] == (4, 2)
    assert metadata["after"] == 7


@pytest.mark.parametrize("order", ["<", ">"])
def test_read_header_with_strings_of_every_length_lands_behind_them(order: str) -> None:
    # More than one block of the fast pattern, with long, empty and zero-filled strings among them.
    strings: list[object] = [b"x" * length for length in range(300)]
    strings += [b"\0" * 9, b""] * 100 + [b"ab"] * 129
    raw = RawGguf(order=order).key_array("tokenizer.ggml.tokens", STRING, strings)  # type: ignore[arg-type]
    raw.key("after", UINT32, 42)
    metadata = read_header(InMemory(raw.to_bytes())).metadata
    assert metadata == {"tokenizer.ggml.tokens": SkippedArray("string", len(strings)), "after": 42}


@pytest.mark.parametrize("lengths", [(5,), (7, 3, 11), (63, 64), (200_000, 1)])
def test_read_header_larger_than_the_window_gives_every_value(
    tmp_path: Path, lengths: tuple[int, ...]
) -> None:
    count = 3 * FIRST_FETCH_BYTES // (sum(lengths) // len(lengths) + 8)
    strings = b"".join(
        struct.pack("<Q", lengths[number % len(lengths)]) + b"s" * lengths[number % len(lengths)]
        for number in range(count)
    )
    raw = RawGguf().raw_key("tokenizer.ggml.tokens", ARRAY, struct.pack("<IQ", STRING, count) + strings)
    raw.key("text", STRING, "t" * FIRST_FETCH_BYTES).key("after", UINT32, 42)
    path = tmp_path / "large.gguf"
    path.write_bytes(raw.to_bytes())
    for source in (InMemory(raw.to_bytes()), path):
        metadata = read_header(source).metadata
        assert metadata["tokenizer.ggml.tokens"] == SkippedArray("string", count)
        assert metadata["text"] == "t" * FIRST_FETCH_BYTES
        assert metadata["after"] == 42


def test_read_header_from_far_fetches_each_byte_once_and_stops_after_the_header() -> None:
    tokens: list[object] = ["token"] * 300_000  # 13 bytes each: 3.9 MB
    raw = llama_header().key_array("more", STRING, tokens).key("after", UINT32, 1)
    source = InMemory(raw.to_bytes() + bytes(1 << 20), size=1 << 35)
    header = read_header(source)
    assert header.file_bytes == 1 << 35
    ends = [offset + size for offset, size in source.requests]
    assert [offset for offset, _ in source.requests] == [0, *ends[:-1]]
    assert len(source.requests) == 3  # 1 + 2 + 4 MiB
    assert ends[-1] < 2 * len(raw.header())


def test_read_header_with_large_array_of_numbers_does_not_fetch_it() -> None:
    count = 10_000_000
    start = RawGguf().raw_key("scores", ARRAY, struct.pack("<IQ", FLOAT32, count)).header()

    class Far(InMemory):
        def read_at(self, offset: int, size: int) -> bytes:
            self.requests.append((offset, size))
            return (start + bytes(size)) if offset == 0 else bytes(size)

    source = Far(start, size=len(start) + 4 * count)
    assert read_header(source).metadata == {"scores": SkippedArray("float32", count)}
    assert sum(size for _, size in source.requests) <= FIRST_FETCH_BYTES


def test_read_header_with_invalid_utf8_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / "latin.gguf"
    path.write_bytes(RawGguf().key("general.name", STRING, b"caf\xe9").key(b"\xff", UINT8, 1).to_bytes())
    assert read_header(path).metadata == {"general.name": "caf\N{REPLACEMENT CHARACTER}", "\ufffd": 1}


def test_read_header_with_own_alignment_places_data_by_it(tmp_path: Path) -> None:
    raw = RawGguf(alignment=4096).key("general.alignment", UINT32, 4096).tensor("a", (8,), data_bytes=32)
    path = tmp_path / "aligned.gguf"
    path.write_bytes(raw.to_bytes())
    header = read_header(path)
    assert header.data_offset == 4096
    assert header.tensors[0].offset == 4096


@pytest.mark.parametrize("type", ["f32", "f16", "bf16"])
def test_read_header_of_tiny_model_agrees_with_gguf_reader(tmp_path: Path, type: str) -> None:
    path = write_tiny_model(tmp_path / "tiny.gguf", type=type, chat_template=CHATML)  # type: ignore[arg-type]

    header = read_header(path, lambda key, count: True)

    reference = gguf.GGUFReader(path)
    fields = {key: value for key, value in reference.fields.items() if not key.startswith("GGUF.")}
    assert list(header.metadata) == list(fields)
    for key, value in fields.items():
        expected = value.contents()
        assert header.metadata[key] == (tuple(expected) if isinstance(expected, list) else expected)
    assert header.data_offset == reference.data_offset
    assert len(header.tensors) == len(reference.tensors)
    for ours, theirs in zip(header.tensors, reference.tensors, strict=True):
        assert ours.name == theirs.name
        assert ours.shape == tuple(int(length) for length in theirs.shape)
        assert ours.type == theirs.tensor_type.name
        assert ours.offset == theirs.data_offset
        assert ours.size_bytes == theirs.n_bytes
        assert ours.elements == theirs.n_elements
