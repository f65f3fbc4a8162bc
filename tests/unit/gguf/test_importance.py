"""Importance matrices in files: read as they were written, by others too, and nothing believed of bad ones."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import EnvironmentFault, FileGone, NoImportanceMatrix
from app.gguf.importance import Importance, ImportanceMatrix, read_importance, write_importance
from tests.data.importance.record import CASES, OLD_FORMAT
from tests.helpers.tiny_gguf import write_tiny_model

RNG = np.random.default_rng(1)
DENSE = Importance(RNG.random((1, 8), np.float32), np.array([1024]))
EXPERTS = Importance(RNG.random((3, 4), np.float32), np.array([600, 424, 0]))
MATRIX = ImportanceMatrix(
    {"blk.1.ffn_up.weight": DENSE, "blk.0.ffn_up_exps.weight": EXPERTS}, ("words.txt",), 2, 512
)


def legacy(entries: Mapping[str, tuple[int, list[float]]], tail: bytes = b"") -> bytes:
    parts = [struct.pack("<i", len(entries))]
    for name, (chunks, values) in entries.items():
        parts.append(
            struct.pack(
                f"<i{len(name)}sii{len(values)}f", len(name), name.encode(), chunks, len(values), *values
            )
        )
    return b"".join(parts) + tail


def written(path: Path, tensors: Mapping[str, np.ndarray], **keys: int) -> Path:
    """By llama.cpp's own Python package."""
    writer = gguf.GGUFWriter(path, "none")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["a", "b"])
    for key, value in keys.items():
        writer.add_uint32(f"imatrix.{key}", value)
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_matrix_that_was_written_is_read_back(tmp_path: Path) -> None:
    write_importance(MATRIX, tmp_path / "m.gguf")
    read = read_importance(tmp_path / "m.gguf")
    assert (read.datasets, read.chunks, read.chunk_tokens) == (("words.txt",), 2, 512)
    assert set(read.tensors) == set(MATRIX.tensors)
    for name, each in MATRIX.tensors.items():
        assert np.array_equal(read.tensors[name].sums, each.sums)
        assert np.array_equal(read.tensors[name].counts, each.counts)


def test_written_file_is_laid_out_as_llama_imatrix_lays_it_out(tmp_path: Path) -> None:
    write_importance(MATRIX, tmp_path / "m.gguf")
    reader = gguf.GGUFReader(tmp_path / "m.gguf")
    assert reader.fields["general.type"].contents() == "imatrix"
    assert reader.fields["imatrix.datasets"].contents() == ["words.txt"]
    assert reader.fields["imatrix.chunk_count"].contents() == 2
    assert reader.fields["imatrix.chunk_size"].contents() == 512
    assert [(tensor.name, [int(length) for length in tensor.shape]) for tensor in reader.tensors] == [
        ("blk.0.ffn_up_exps.weight.in_sum2", [4, 3]),
        ("blk.0.ffn_up_exps.weight.counts", [1, 3]),
        ("blk.1.ffn_up.weight.in_sum2", [8, 1]),
        ("blk.1.ffn_up.weight.counts", [1, 1]),
    ]
    assert np.array_equal(reader.tensors[0].data, EXPERTS.sums)


def test_matrix_of_another_writer_is_read(tmp_path: Path) -> None:
    sums = np.arange(6, dtype=np.float32).reshape(2, 3)
    path = written(
        tmp_path / "m.gguf",
        {"x.weight.in_sum2": sums, "x.weight.counts": np.array([[5], [7]], np.float32)},
        chunk_count=3,
        chunk_size=512,
    )
    read = read_importance(path)
    assert (read.datasets, read.chunks, read.chunk_tokens) == (("a", "b"), 3, 512)
    assert np.array_equal(read.tensors["x.weight"].sums, sums)
    assert read.tensors["x.weight"].counts.tolist() == [5, 7]


def test_weights_are_mean_squares_and_one_for_experts_that_saw_nothing() -> None:
    expected = np.concatenate([EXPERTS.sums[0] / 600, EXPERTS.sums[1] / 424, np.ones(4)])
    assert EXPERTS.weights() == pytest.approx(expected, rel=1e-6)
    assert EXPERTS.weights().dtype == np.float32


def test_old_format_is_read_with_its_chunks_and_text(tmp_path: Path) -> None:
    path = tmp_path / "imatrix.dat"
    tail = struct.pack("<ii9s", 40, 9, b"words.txt")
    path.write_bytes(legacy({"blk.0.attn_q.weight": (40, [80.0, 20.0]), "y": (40, [4.0])}, tail))
    read = read_importance(path)
    assert (read.datasets, read.chunks) == (("words.txt",), 40)
    assert read.tensors["blk.0.attn_q.weight"].weights().tolist() == [2.0, 0.5]


def test_old_format_of_llama_imatrix_says_what_its_new_one_says() -> None:
    old, new = read_importance(OLD_FORMAT), read_importance(CASES[0].recorded)
    assert (old.datasets, old.chunks) == (new.datasets, new.chunks)
    assert set(old.tensors) == set(new.tensors)
    for name, each in new.tensors.items():
        assert old.tensors[name].weights() == pytest.approx(each.weights(), rel=1e-6)


def test_old_format_without_what_it_may_lack_is_read(tmp_path: Path) -> None:
    path = tmp_path / "imatrix.dat"
    path.write_bytes(legacy({"x": (0, [3.0])}))
    read = read_importance(path)
    assert (read.datasets, read.chunks) == ((), 0)
    assert read.tensors["x"].weights().tolist() == [3.0]


@pytest.mark.parametrize(
    ("tensors", "why"),
    [
        ({"x.in_sum2": np.ones((1, 4), np.float32)}, "the counts of x are missing"),
        (
            {"x.in_sum2": np.ones((1, 4), np.float32), "x.counts": np.ones((3, 1), np.float32)},
            "do not belong together",
        ),
        (
            {"x.in_sum2": np.full((1, 4), np.nan, np.float32), "x.counts": np.ones((1, 1), np.float32)},
            "impossible values for x",
        ),
        (
            {"x.in_sum2": -np.ones((1, 4), np.float32), "x.counts": np.ones((1, 1), np.float32)},
            "impossible values for x",
        ),
        (
            {"x.in_sum2": np.ones((1, 4), np.float32), "x.counts": np.full((1, 1), np.inf, np.float32)},
            "impossible counts for x",
        ),
        (
            {"x.in_sum2": np.ones((1, 4), np.float16), "x.counts": np.ones((1, 1), np.float32)},
            "is not stored as F32",
        ),
        ({"x": np.ones((1, 4), np.float32)}, "tells of no tensor"),
    ],
)
def test_matrix_that_contradicts_itself_is_refused_with_the_reason(
    tmp_path: Path, tensors: Mapping[str, np.ndarray], why: str
) -> None:
    path = written(tmp_path / "m.gguf", tensors)
    with pytest.raises(NoImportanceMatrix, match=why) as caught:
        read_importance(path)
    assert caught.value.message.startswith("m.gguf is damaged: ")
    assert "calibrate" in caught.value.hint


def test_model_is_no_importance_matrix(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "tiny.gguf", layers=1)
    with pytest.raises(NoImportanceMatrix, match=r"tiny\.gguf holds no importance matrix"):
        read_importance(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"some words, and no numbers at all",
        legacy({"x": (1, [1.0, 2.0])})[:-1],
        struct.pack("<i", -1),
        struct.pack("<ii", 1, 1 << 30),
        struct.pack("<ii1sii", 1, 1, b"x", 1, (1 << 31) - 1),
    ],
)
def test_file_that_is_no_matrix_of_the_old_format_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "imatrix.dat"
    path.write_bytes(content)
    with pytest.raises(NoImportanceMatrix, match=r"imatrix\.dat is no importance matrix"):
        read_importance(path)


def test_hole_that_claims_to_be_a_matrix_is_not_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "imatrix.dat"
    with path.open("wb") as file:
        file.write(struct.pack("<ii1sii", 1, 1, b"x", 1, (1 << 31) - 1))
        file.truncate(1 << 34)
    with pytest.raises(NoImportanceMatrix, match="too large"):
        read_importance(path)


def test_matrix_that_is_gone_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(FileGone):
        read_importance(tmp_path / "gone.gguf")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=6), st.booleans())
def test_file_with_any_bytes_replaced_is_read_or_refused(
    tmp_path: Path, changes: list[tuple[int, int]], old: bool
) -> None:
    path = tmp_path / "m"
    if old:
        path.write_bytes(legacy({"x": (1, [1.0, 2.0]), "yy": (1, [1.0])}, struct.pack("<ii1s", 1, 1, b"t")))
    else:
        write_importance(MATRIX, path)
    content = bytearray(path.read_bytes())
    for position, value in changes:
        content[position % len(content)] = value
    path.write_bytes(content)
    try:
        read = read_importance(path)
    except EnvironmentFault:
        return
    for each in read.tensors.values():
        assert np.isfinite(each.weights()).all()
