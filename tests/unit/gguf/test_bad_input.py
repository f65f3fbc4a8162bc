"""Every file that is not what it says: one typed fault, one sentence with its name, and a hint."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from app.core.errors import (
    DamagedGguf,
    EnvironmentFault,
    FileGone,
    NotAllowed,
    NotGguf,
    UnreadableFile,
    UnsupportedGgufVersion,
)
from app.gguf import read_facts, read_header
from app.gguf.source import LocalFile
from tests.helpers.raw_gguf import (
    ARRAY,
    F32,
    FLOAT32,
    INT32,
    Q4_0,
    STRING,
    UINT8,
    UINT32,
    UINT64,
    InMemory,
    RawGguf,
    llama_header,
)

SHARED_MODELS = Path(__file__).resolve().parents[4] / "shared" / "models"
HUGE = (1 << 64) - 1


def fault_of(path: Path, content: bytes) -> EnvironmentFault:
    path.write_bytes(content)
    with pytest.raises(EnvironmentFault) as caught:
        read_facts(path)
    return caught.value


def expect(fault: EnvironmentFault, kind: type[EnvironmentFault], *words: str) -> None:
    assert type(fault) is kind, fault
    assert "bad.gguf" in fault.message
    assert fault.message.endswith(".")
    assert "\n" not in fault.message
    assert fault.hint
    for word in words:
        assert word in str(fault)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return tmp_path / "bad.gguf"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "empty"),
        (b"G", "not a GGUF"),
        (b"GGU", "not a GGUF"),
        (b"Once upon a time, long before GGUF", "not a GGUF"),
        (bytes(4096), "unfinished download"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"<html><head>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS"),
        (b"PK\x03\x04" + bytes(40), "zip"),
        (struct.pack("<Q", 20) + b'{"a":{"dtype":"F32"}', "safetensors"),
        (b"tjgg\x03\0\0\0" + bytes(40), "before GGUF"),
    ],
)
def test_read_facts_of_another_kind_of_file_raises_not_gguf(bad: Path, content: bytes, word: str) -> None:
    expect(fault_of(bad, content), NotGguf, word)


def test_read_facts_of_version_1_raises_unsupported_and_says_convert_again(bad: Path) -> None:
    fault = fault_of(bad, llama_header(version=1).to_bytes())
    expect(fault, UnsupportedGgufVersion, "made for an old llama.cpp", "convert it again")


def test_read_facts_of_real_version_1_file_raises_unsupported() -> None:
    path = SHARED_MODELS / "gguf-v1" / "testdata" / "tinyllamas-stories-260k-f32.gguf"
    if not path.exists():
        pytest.skip("no ../shared here")
    with pytest.raises(UnsupportedGgufVersion, match="convert it again"):
        read_facts(path)


@pytest.mark.parametrize("order", ["<", ">"])
def test_read_facts_of_newer_version_raises_unsupported_and_names_it(bad: Path, order: str) -> None:
    expect(
        fault_of(bad, llama_header(version=4, order=order).to_bytes()), UnsupportedGgufVersion, "version 4"
    )


@pytest.mark.parametrize("version", [0, 1000, 0x01020304, 0xFFFFFFFF])
def test_read_facts_of_absurd_version_raises_damaged(bad: Path, version: int) -> None:
    expect(fault_of(bad, b"GGUF" + struct.pack("<I", version) + bytes(64)), DamagedGguf, "version")


def test_read_facts_of_header_cut_at_any_byte_raises_damaged(bad: Path) -> None:
    header = llama_header().header()
    for size in range(4, len(header)):
        expect(fault_of(bad, header[:size]), DamagedGguf, "Download it again")


def test_read_facts_of_data_cut_short_says_how_much_is_missing(bad: Path) -> None:
    content = llama_header().to_bytes()
    expect(fault_of(bad, content[:-100]), DamagedGguf, "truncated", "100 B are missing", "Download it again")


def test_read_facts_without_any_data_says_how_much_is_missing(bad: Path) -> None:
    raw = RawGguf().tensor("a", (1024, 1024), F32)
    content = raw.to_bytes()
    expect(fault_of(bad, content), DamagedGguf, "4.19 MB are missing")


@pytest.mark.parametrize("count", [1 << 20, 1 << 40, 1 << 63, HUGE])
def test_read_facts_with_counts_beyond_the_file_raises_damaged(bad: Path, count: int) -> None:
    expect(fault_of(bad, llama_header(key_count=count).to_bytes()), DamagedGguf, f"{count} metadata keys")
    expect(fault_of(bad, llama_header(tensor_count=count).to_bytes()), DamagedGguf, f"{count} tensors")


@pytest.mark.parametrize("size", [10_000, 1 << 40, (1 << 63) - 1, 1 << 63, HUGE])
def test_read_facts_with_string_beyond_the_file_raises_damaged(bad: Path, size: int) -> None:
    raw = llama_header()
    raw.raw_key("text", STRING, raw.string("short", claimed=size))
    expect(fault_of(bad, raw.to_bytes()), DamagedGguf)
    raw = llama_header()
    raw.keys.append(raw.string("key", claimed=size))
    expect(fault_of(bad, raw.to_bytes()), DamagedGguf)
    raw = llama_header()
    raw.tensors.append(raw.string("tensor", claimed=size))
    expect(fault_of(bad, raw.to_bytes()), DamagedGguf)


@pytest.mark.parametrize("place", [0, 63, 64, 100, 199])
@pytest.mark.parametrize("size", [10_000, 1 << 40, (1 << 63) - 1, 1 << 63, HUGE])
def test_read_facts_with_skipped_string_beyond_the_file_raises_damaged(
    bad: Path, size: int, place: int
) -> None:
    raw = llama_header()
    strings = [raw.string("word", claimed=size if number == place else None) for number in range(200)]
    raw.raw_key("words", ARRAY, raw.pack("IQ", STRING, 200) + b"".join(strings))
    expect(fault_of(bad, raw.to_bytes()), DamagedGguf)


@pytest.mark.parametrize("kind", [UINT8, INT32, FLOAT32, UINT64, STRING])
@pytest.mark.parametrize("count", [100_000, 1 << 40, (1 << 61) + 1, 1 << 63, HUGE])
def test_read_facts_with_array_beyond_the_file_raises_damaged(bad: Path, kind: int, count: int) -> None:
    raw = llama_header()
    raw.raw_key("list", ARRAY, raw.pack("IQ", kind, count) + bytes(64))
    expect(fault_of(bad, raw.to_bytes()), DamagedGguf, str(count))


@pytest.mark.parametrize("kind", [13, 255, 0xFFFFFFFF])
def test_read_facts_with_unknown_value_type_raises_damaged(bad: Path, kind: int) -> None:
    expect(
        fault_of(bad, llama_header().raw_key("odd", kind, bytes(8)).to_bytes()), DamagedGguf, "unknown type"
    )
    raw = llama_header().raw_key("odd", ARRAY, struct.pack("<IQ", kind, 1) + bytes(8))
    expect(fault_of(bad, raw.to_bytes()), DamagedGguf, "unknown type")


@pytest.mark.parametrize("count", [0, 1, 5000, 2**63])
def test_read_facts_with_array_of_arrays_raises_damaged_as_llama_cpp_does(bad: Path, count: int) -> None:
    raw = llama_header()
    raw.raw_key("nested", ARRAY, raw.pack("IQ", ARRAY, count) + raw.array(UINT8, []) * min(count, 5000))
    expect(fault_of(bad, raw.to_bytes()), DamagedGguf, "array of arrays")


def test_read_facts_with_key_twice_raises_damaged(bad: Path) -> None:
    expect(fault_of(bad, llama_header().key("general.name", STRING, "B").to_bytes()), DamagedGguf, "twice")


def test_read_facts_with_empty_key_raises_damaged(bad: Path) -> None:
    expect(fault_of(bad, llama_header().key("", UINT8, 1).to_bytes()), DamagedGguf, "empty key")


def test_read_facts_with_tensor_twice_raises_damaged(bad: Path) -> None:
    raw = llama_header().tensor("output_norm.weight", (4,), offset=1152, data_bytes=16)
    expect(fault_of(bad, raw.to_bytes()), DamagedGguf, "twice")


@pytest.mark.parametrize("dimensions", [5, 1 << 31, 0xFFFFFFFF])
def test_read_facts_with_more_than_four_dimensions_raises_damaged(bad: Path, dimensions: int) -> None:
    raw = llama_header().tensor("cube", (1, 1, 1, 1, 1), dimensions=dimensions)
    expect(fault_of(bad, raw.to_bytes()), DamagedGguf, f"{dimensions} dimensions")


@pytest.mark.parametrize(
    "shape",
    [(1 << 32, 1 << 32), (1 << 63,), (HUGE,), (1 << 16, 1 << 16, 1 << 16, 1 << 16), (HUGE, 0), (0, HUGE)],
)
def test_read_facts_with_shape_that_overflows_raises_damaged(bad: Path, shape: tuple[int, ...]) -> None:
    expect(fault_of(bad, llama_header().tensor("big", shape).to_bytes()), DamagedGguf, "impossible shape")


def test_read_facts_with_rows_that_do_not_fit_the_type_raises_damaged(bad: Path) -> None:
    expect(fault_of(bad, llama_header().tensor("odd", (33, 2), Q4_0).to_bytes()), DamagedGguf, "Q4_0")


@pytest.mark.parametrize("offset", [1, 31, 1153, 1 << 63, HUGE])
def test_read_facts_with_tensor_at_impossible_offset_raises_damaged(bad: Path, offset: int) -> None:
    expect(
        fault_of(bad, llama_header().tensor("far", (1,), offset=offset).to_bytes()), DamagedGguf, str(offset)
    )


def test_read_facts_with_tensor_beyond_the_file_raises_damaged(bad: Path) -> None:
    content = llama_header().tensor("far", (1,), offset=1 << 40).to_bytes()
    expect(fault_of(bad, content), DamagedGguf, "1.10 TB are missing")


@pytest.mark.parametrize("alignment", [0, 3, 33, 0xFFFFFFFF])
def test_read_facts_with_alignment_not_a_power_of_two_raises_damaged(bad: Path, alignment: int) -> None:
    content = llama_header().key("general.alignment", UINT32, alignment).to_bytes()
    expect(fault_of(bad, content), DamagedGguf, "alignment")


def test_read_facts_with_alignment_of_another_type_raises_damaged(bad: Path) -> None:
    content = llama_header().key("general.alignment", STRING, "32").to_bytes()
    expect(fault_of(bad, content), DamagedGguf, "alignment")


@pytest.mark.parametrize(
    ("kind", "words"), [(31, "Q4_0_4_4"), (4, "Q4_2"), (43, "number 43"), (200, "number 200")]
)
def test_read_facts_with_tensor_type_llama_cpp_lacks_raises_unsupported(
    bad: Path, kind: int, words: str
) -> None:
    expect(
        fault_of(bad, llama_header().tensor("new", (256,), kind).to_bytes()), UnsupportedGgufVersion, words
    )


def test_read_facts_with_absurd_tensor_type_raises_damaged(bad: Path) -> None:
    expect(fault_of(bad, llama_header().tensor("new", (256,), 0xDEADBEEF).to_bytes()), DamagedGguf, "type")


@pytest.mark.parametrize(
    ("key", "kind", "value"),
    [
        ("block_count", UINT64, 1 << 63),
        ("block_count", INT32, -1),
        ("block_count", STRING, "many" * 1000),
        ("context_length", UINT64, HUGE),
        ("embedding_length", FLOAT32, 4096.0),
        ("attention.head_count", INT32, -8),
    ],
)
def test_read_facts_with_absurd_number_raises_damaged(bad: Path, key: str, kind: int, value: object) -> None:
    raw = RawGguf().key("general.architecture", STRING, "llama").key(f"llama.{key}", kind, value)
    fault = fault_of(bad, raw.to_bytes())
    expect(fault, DamagedGguf, key)
    assert len(fault.message) < 200


def test_read_facts_with_absurd_list_raises_damaged(bad: Path) -> None:
    raw = RawGguf().key("general.architecture", STRING, "llama")
    raw.key_array("llama.attention.head_count_kv", INT32, [8, -8])
    expect(fault_of(bad, raw.to_bytes()), DamagedGguf, "head_count_kv")


def test_read_facts_of_missing_file_raises_file_gone(bad: Path) -> None:
    with pytest.raises(FileGone) as caught:
        read_facts(bad)
    expect(caught.value, FileGone)


def test_read_facts_of_folder_raises_unreadable(bad: Path) -> None:
    bad.mkdir()
    with pytest.raises(UnreadableFile) as caught:
        read_facts(bad)
    expect(caught.value, UnreadableFile, "is a folder")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a Unix thing")
def test_read_facts_of_pipe_raises_unreadable_and_does_not_wait(bad: Path) -> None:
    os.mkfifo(bad)
    with pytest.raises(UnreadableFile) as caught:
        read_facts(bad)
    expect(caught.value, UnreadableFile, "not a regular file")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_read_facts_without_permission_raises_not_allowed(bad: Path) -> None:
    bad.write_bytes(llama_header().to_bytes())
    bad.chmod(0)
    with pytest.raises(NotAllowed) as caught:
        read_facts(bad)
    expect(caught.value, NotAllowed)


def test_read_facts_when_opening_is_denied_raises_not_allowed(
    bad: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad.write_bytes(llama_header().to_bytes())

    def deny(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", deny)
    with pytest.raises(NotAllowed) as caught:
        read_facts(bad)
    expect(caught.value, NotAllowed)


def test_read_facts_when_the_disk_fails_raises_unreadable(bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad.write_bytes(llama_header().to_bytes())

    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread" if hasattr(os, "pread") else "read", fail)
    with pytest.raises(UnreadableFile) as caught:
        read_facts(bad)
    monkeypatch.undo()
    expect(caught.value, UnreadableFile, "Input/output error")


def test_read_header_of_file_cut_while_open_raises_damaged(bad: Path) -> None:
    bad.write_bytes(llama_header().to_bytes())
    with LocalFile(bad) as file:
        os.truncate(bad, 50)
        with pytest.raises(DamagedGguf) as caught:
            read_header(file)
    expect(caught.value, DamagedGguf, "truncated")


def test_read_header_that_claims_gigabytes_raises_damaged_and_fetches_none_of_them() -> None:
    raw = llama_header()
    raw.raw_key("text", STRING, raw.pack("Q", 8 << 30))
    with pytest.raises(DamagedGguf) as caught:
        read_header(InMemory(raw.header(), size=16 << 30))
    expect(caught.value, DamagedGguf, "its header claims more than 134 MB")
