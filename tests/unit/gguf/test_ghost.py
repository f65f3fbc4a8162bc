"""Ghost files as other readers see them, and what happens to those that cannot be written."""

from __future__ import annotations

import os
import time
from pathlib import Path

import gguf
import pytest

from app.core.errors import DamagedGguf, DiskFull, EnvironmentFault, FileGone, NotAllowed, NotGguf
from app.gguf import Header, read_facts, read_header, write_ghost, write_ghost_of
from app.gguf.header import MetadataValue
from app.gguf.outline import TensorShape, loading_metadata, outline
from app.recommend import read_catalogue
from tests.helpers.raw_gguf import RawGguf, llama_header
from tests.helpers.tiny_gguf import CHATML, write_tiny_model

WHOLE_70B = 42_520_395_008
"""Bytes of a Q4_K_M file of Llama 3.1 70B."""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "ghosts"
    folder.mkdir()
    return folder / "ghost.gguf"


def everything(path: Path) -> Header:
    return read_header(path, lambda key, count: True)


def occupied_bytes(path: Path) -> int:
    if not hasattr(os.stat_result, "st_blocks"):
        pytest.skip("this system does not tell how much of a file is on the disk")
    return path.stat().st_blocks * 512


# From a real header


def test_ghost_of_a_file_has_its_header_and_size_and_no_data(tmp_path: Path, target: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf", chat_template=CHATML)
    content = model.read_bytes()
    header = everything(model)

    write_ghost(target, content, len(content))

    ghost = target.read_bytes()
    assert everything(target) == header
    assert len(ghost) == len(content)
    assert ghost[: header.data_offset] == content[: header.data_offset]
    assert not any(ghost[header.data_offset :])
    assert any(content[header.data_offset :])


def test_ghost_needs_no_more_than_the_header(tmp_path: Path, target: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf")
    header = read_header(model)
    head = model.read_bytes()[: header.data_offset]
    write_ghost(target, head, header.file_bytes)
    facts = read_facts(target)
    assert facts.tensor_bytes == read_facts(model).tensor_bytes
    assert facts.file_bytes == header.file_bytes


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [2, 3])
def test_ghost_keeps_version_and_byte_order(target: Path, version: int, order: str) -> None:
    raw = llama_header(version=version, order=order)
    write_ghost(target, raw.to_bytes(), len(raw.to_bytes()))
    assert target.read_bytes() == raw.to_bytes()


def test_ghost_of_42_gigabytes_takes_what_its_header_has(target: Path) -> None:
    write_ghost(target, llama_header().to_bytes(), WHOLE_70B)
    assert target.stat().st_size == WHOLE_70B
    assert occupied_bytes(target) < 1 << 16


@pytest.mark.parametrize("cut", [0, 4, 20, 300, -1])
def test_incomplete_header_is_damaged_and_leaves_the_file_that_was_there(target: Path, cut: int) -> None:
    target.write_bytes(b"before")
    head = llama_header().header()
    with pytest.raises(DamagedGguf) as caught:
        write_ghost(target, head[:cut], 1 << 20)
    assert "ghost.gguf" in caught.value.message
    assert caught.value.hint
    assert target.read_bytes() == b"before"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("head", [b"<!doctype html>" * 10, bytes(100)])
def test_head_of_something_else_is_no_gguf(target: Path, head: bytes) -> None:
    with pytest.raises(NotGguf):
        write_ghost(target, head, 1 << 20)
    assert not target.exists()


@pytest.mark.parametrize("file_bytes", [0, 100, 1100])
def test_file_too_small_for_its_tensors_is_damaged(target: Path, file_bytes: int) -> None:
    with pytest.raises((DamagedGguf, NotGguf)):
        write_ghost(target, llama_header().to_bytes(), file_bytes)
    assert not target.exists()


# From metadata and an outline


def test_written_header_is_read_by_the_format_s_own_package(target: Path) -> None:
    metadata: dict[str, MetadataValue] = {
        "general.architecture": "llama",
        "general.name": "çà et là 漢字",
        "llama.block_count": 4_000_000_000,
        "llama.scale": 0.5,
        "llama.offset": -3,
        "llama.big": 1 << 40,
        "llama.on": True,
        "llama.list": (0, 8, 2),
        "llama.flags": (True, False),
        "llama.numbers": (1.5, 2),
        "llama.words": ("a", ""),
    }
    tensors = [
        (TensorShape("token_embd.weight", (256, 3)), "Q4_K"),
        (TensorShape("odd.weight", (5,)), "F32"),
        (TensorShape("stack.weight", (32, 3, 2, 1)), "Q8_0"),
    ]

    write_ghost_of(target, metadata, tensors)

    reader = gguf.GGUFReader(target)
    fields = {key: value.contents() for key, value in reader.fields.items() if not key.startswith("GGUF.")}
    assert fields == {
        key: list(value) if isinstance(value, tuple) else value for key, value in metadata.items()
    }
    kinds = {key: [kind.name for kind in field.types] for key, field in reader.fields.items()}
    assert kinds["llama.block_count"] == ["UINT32"]
    assert kinds["llama.scale"] == ["FLOAT32"]
    assert kinds["llama.list"] == ["ARRAY", "UINT32"]
    assert kinds["llama.flags"] == ["ARRAY", "BOOL"]
    expected = [("token_embd.weight", [256, 3], "Q4_K", 3 * 144), ("odd.weight", [5], "F32", 20)]
    expected += [("stack.weight", [32, 3, 2, 1], "Q8_0", 6 * 34)]
    found = [(t.name, t.shape.tolist(), t.tensor_type.name, int(t.n_bytes)) for t in reader.tensors]
    assert found == expected
    offsets = [int(tensor.data_offset) - reader.data_offset for tensor in reader.tensors]
    assert offsets == [0, 448, 480]  # each at a multiple of 32
    assert target.stat().st_size == reader.data_offset + 480 + 224


@pytest.mark.parametrize("name", ["llama-3.3-70b", "kimi-k3"])
def test_ghost_of_a_catalogue_model_is_small_and_made_at_once(target: Path, name: str) -> None:
    model = next(model for model in read_catalogue() if model.id == name)
    start = time.perf_counter()
    tensors = outline(model.architecture, model.geometry, model.tied_embeddings)
    typed = [(tensor, "F16" if len(tensor.shape) > 1 else "F32") for tensor in tensors]
    write_ghost_of(target, loading_metadata(model.architecture, model.geometry), typed)
    took = time.perf_counter() - start
    facts = read_facts(target)
    assert facts.architecture == model.architecture
    assert facts.vocabulary_size == model.geometry["vocab_size"]
    assert facts.parameters == sum(tensor.elements for tensor in tensors)
    assert facts.file_bytes > 2 * facts.parameters
    assert occupied_bytes(target) < 1 << 18
    assert took < 1.0  # the goal is 50 ms; the rest is for a machine that is busy with other things


def test_loading_metadata_of_hostile_geometry_has_only_what_a_key_can_hold() -> None:
    geometry: dict[str, object] = {
        "block_count": 2,
        "none": None,
        "nested": [[1]],
        "map": {},
        "list": [1, 2],
        "bytes": b"x",
    }
    metadata = loading_metadata("llama", geometry)
    assert metadata["llama.block_count"] == 2
    assert metadata["llama.list"] == (1, 2)
    assert not {"llama.none", "llama.nested", "llama.map", "llama.bytes"} & metadata.keys()


@pytest.mark.parametrize("value", [1 << 64, -(1 << 40), 1e300, (1, "a"), ("a", 1.5), (1 << 70, 1)])
def test_value_that_no_key_can_hold_is_refused(target: Path, value: MetadataValue) -> None:
    with pytest.raises(ValueError, match="GGUF"):
        write_ghost_of(target, {"key": value}, [])
    assert not target.exists()


@pytest.mark.parametrize(
    ("shape", "type", "words"),
    [((100,), "Q4_K", "rows of 100"), ((256,), "Q4_K_M", "no type"), ((32,), "", "no type")],
)
def test_tensor_that_llama_cpp_cannot_store_so_is_refused(
    target: Path, shape: tuple[int, ...], type: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        write_ghost_of(target, {}, [(TensorShape("a", shape), type)])
    assert not target.exists()


# Where it cannot be written


def test_hole_fits_on_a_disk_that_is_smaller(small_disk: Path) -> None:
    target = small_disk / "ghost.gguf"
    write_ghost(target, llama_header().to_bytes(), WHOLE_70B)
    assert target.stat().st_size == WHOLE_70B


def test_full_disk_is_a_fault_and_leaves_nothing(small_disk: Path) -> None:
    target = small_disk / "ghost.gguf"
    head = RawGguf().key_array("tokenizer.ggml.tokens", 8, ["x" * 1000] * 8000).to_bytes()
    with pytest.raises(DiskFull) as caught:
        write_ghost(target, head, len(head))
    assert str(target) in caught.value.message
    assert list(small_disk.iterdir()) == []


def test_size_that_no_disk_holds_is_a_fault(target: Path) -> None:
    with pytest.raises(EnvironmentFault):
        write_ghost(target, llama_header().to_bytes(), (1 << 63) - 1)
    assert list(target.parent.iterdir()) == []


def test_missing_folder_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(FileGone):
        write_ghost(tmp_path / "gone" / "ghost.gguf", llama_header().to_bytes(), 1 << 20)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_may_not_be_written_is_a_fault(target: Path) -> None:
    target.parent.chmod(0o500)
    try:
        with pytest.raises(NotAllowed):
            write_ghost(target, llama_header().to_bytes(), 1 << 20)
    finally:
        target.parent.chmod(0o700)
