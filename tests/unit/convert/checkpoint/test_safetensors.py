"""safetensors headers: what they say, and every lie one can tell."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.convert.checkpoint.safetensors import StoredTensor, read_tensors
from app.core.errors import DamagedCheckpoint, EnvironmentFault, UnsupportedCheckpoint
from tests.helpers.raw_gguf import InMemory

HUGE = (1 << 64) - 1


def file(header: object, data_bytes: int = 64, claimed: int | None = None) -> InMemory:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = struct.pack("<Q", len(text) if claimed is None else claimed)
    return InMemory(length + text + bytes(data_bytes), name="bad.safetensors")


def entry(dtype: object = "F32", shape: object = (2, 4), offsets: object = (0, 32)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def fault_of(source: InMemory) -> EnvironmentFault:
    with pytest.raises(EnvironmentFault) as caught:
        read_tensors(source)
    fault = caught.value
    assert "bad.safetensors" in fault.message
    assert fault.message.endswith(".")
    assert "\n" not in fault.message
    assert fault.hint
    return fault


def test_read_tensors_gives_places_in_the_file_by_name() -> None:
    header = {
        "__metadata__": {"format": "pt"},
        "b": entry("BF16", [3], [40, 46]),
        "a": entry(),
        "empty": entry("F16", [0, 7], [32, 32]),
        "scalar": entry("F64", [], [32, 40]),
    }
    source = file(header)
    start = 8 + len(json.dumps(header))
    assert read_tensors(source) == {
        "b": StoredTensor("b", "BF16", (3,), start + 40, 6),
        "a": StoredTensor("a", "F32", (2, 4), start, 32),
        "empty": StoredTensor("empty", "F16", (0, 7), start + 32, 0),
        "scalar": StoredTensor("scalar", "F64", (), start + 32, 8),
    }


def test_read_tensors_reads_no_more_than_the_header() -> None:
    source = file({"a": entry()}, data_bytes=1 << 16)
    read_tensors(source)
    assert all(offset + size < 1000 for offset, size in source.requests)


def test_read_tensors_takes_spaces_after_the_header() -> None:
    assert set(read_tensors(file(json.dumps({"a": entry()}).encode() + b"     "))) == {"a"}


@pytest.mark.parametrize("content", [b"", b"\0", bytes(7)])
def test_file_shorter_than_its_own_length_is_damaged(content: bytes) -> None:
    assert "ends before" in fault_of(InMemory(content, name="bad.safetensors")).message


@pytest.mark.parametrize(
    ("claimed", "word"), [(HUGE, "claims"), (16_000_001, "claims"), (1 << 20, "ends in the middle")]
)
def test_absurd_header_length_is_damaged_and_nothing_is_read_for_it(claimed: int, word: str) -> None:
    source = file({"a": entry()}, claimed=claimed)
    assert word in fault_of(source).message
    assert sum(size for _, size in source.requests) <= 64


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b'{"a": 1', b"\xff\xfe", b"[" * 20_000, b"{" * 20_000, b'{"\\ud800": 1}'],
)
def test_header_that_is_no_json_object_is_damaged(text: bytes) -> None:
    assert type(fault_of(file(text))) is DamagedCheckpoint


@pytest.mark.parametrize(
    "tensor",
    [
        None,
        [],
        "F32",
        {},
        {"dtype": "F32"},
        entry(shape=None),
        entry(shape="24"),
        entry(shape=[2, -4]),
        entry(shape=[2.0, 4.0]),
        entry(shape=[True, 8]),
        entry(shape=[1] * 9),
        entry(shape=[1 << 30, 1 << 30, 1 << 30]),
        entry(shape=[1 << 200]),
        entry(shape=[2, 5]),
        entry(offsets=None),
        entry(offsets=[0]),
        entry(offsets=[0, 16, 32]),
        entry(offsets=[0, 32.0]),
        entry(offsets=[32, 0]),
        entry(offsets=[-32, 0]),
        entry(offsets=[0, 31]),
        entry(offsets=[HUGE - 32, HUGE]),
        entry(offsets=[10**400, 10**400 + 32]),
    ],
    ids=str,
)
def test_tensor_described_wrongly_is_damaged(tensor: object) -> None:
    fault = fault_of(file({"a": tensor}))
    assert isinstance(fault, DamagedCheckpoint) or "type" in fault.message


@pytest.mark.parametrize("dtype", ["F128", "", "f32", 7, None])
def test_unknown_dtype_is_refused_by_name(dtype: object) -> None:
    fault = fault_of(file({"a": entry(dtype)}))
    assert type(fault) is UnsupportedCheckpoint
    assert repr(dtype) in fault.message


def test_data_outside_the_file_is_damaged_with_what_is_missing() -> None:
    assert "36 B are missing" in fault_of(file({"a": entry(offsets=[68, 100])})).message


def test_tensors_on_top_of_each_other_are_damaged() -> None:
    fault = fault_of(file({"a": entry(), "b": entry("F32", [4], [28, 44])}))
    assert "'b' lies in the middle of another" in fault.message


def test_pointer_of_git_lfs_is_told_as_one() -> None:
    pointer = InMemory(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", name="bad.safetensors")
    assert "git lfs pull" in fault_of(pointer).hint


SOUND = file({"a": entry(), "b": entry("BF16", [3], [40, 46])}).content
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_mutated_file_gives_tensors_inside_it_or_a_typed_fault(changes: list[tuple[int, int]]) -> None:
    content = bytearray(SOUND)
    for position, value in changes:
        content[position] = value
    try:
        tensors = read_tensors(InMemory(bytes(content), name="bad.safetensors"))
    except EnvironmentFault:
        return
    assert all(tensor.offset + tensor.size_bytes <= len(content) for tensor in tensors.values())


@settings(max_examples=200, deadline=None)
@given(JSON, JSON, JSON)
def test_any_json_in_a_header_gives_tensors_or_a_typed_fault(dtype: Any, shape: Any, offsets: Any) -> None:
    for tensor in (entry(dtype), entry(shape=shape), entry(offsets=offsets), dtype):
        with suppress(EnvironmentFault):
            read_tensors(file({"a": tensor}))
