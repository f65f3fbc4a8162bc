"""ModelFacts of sound files, single and split; expected values from arithmetic."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from app.core.errors import DamagedGguf, FileGone
from app.gguf import ModelFacts, read_facts
from tests.helpers.raw_gguf import FLOAT32, INT32, STRING, UINT16, UINT32, RawGguf, llama_header
from tests.helpers.tiny_gguf import CHATML, tiny_vocabulary, write_tiny_model


def facts_of(path: Path, raw: RawGguf) -> ModelFacts:
    path.write_bytes(raw.to_bytes())
    return read_facts(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def tiny_parameters(*, hidden: int, layers: int, kv_share: float, feed_forward: int) -> int:
    attention = hidden * hidden * (2 + 2 * kv_share)
    return int(
        layers * (attention + 3 * hidden * feed_forward + 2 * hidden)
        + hidden * (1 + 2 * len(tiny_vocabulary()))
    )


@pytest.mark.parametrize(("type", "matrix_bytes"), [("f32", 4), ("f16", 2), ("bf16", 2)])
def test_read_facts_of_tiny_model_gives_what_was_written(path: Path, type: str, matrix_bytes: int) -> None:
    write_tiny_model(path, type=type, layers=3, context=640, chat_template=CHATML, name="Little")  # type: ignore[arg-type]

    facts = read_facts(path)

    parameters = tiny_parameters(hidden=256, layers=3, kv_share=0.5, feed_forward=512)
    norms = 256 * (2 * 3 + 1)
    tensor_bytes = (parameters - norms) * matrix_bytes + norms * 4
    assert facts.path == path
    assert facts.files == (path,)
    assert (facts.architecture, facts.name, facts.quantization) == ("llama", "Little", type.upper())
    assert facts.parameters == parameters
    assert facts.tensor_bytes == tensor_bytes
    assert facts.bits_per_weight == tensor_bytes * 8 / parameters
    assert facts.file_bytes == path.stat().st_size
    assert (facts.layers, facts.context_length, facts.embedding_length) == (3, 640, 256)
    assert (facts.heads, facts.kv_heads, facts.key_length, facts.value_length) == (4, 2, 64, 64)
    assert facts.vocabulary_size == len(tiny_vocabulary())
    assert facts.chat_template == CHATML
    assert len(facts.tensors) == 3 * 9 + 3
    assert facts.metadata["tokenizer.ggml.model"] == "llama"
    assert facts.kind == "model"
    assert (facts.version, facts.byte_order) == (3, "little")


def test_read_facts_of_file_with_nothing_in_it_gives_none_for_everything(path: Path) -> None:
    facts = facts_of(path, RawGguf())
    assert (facts.architecture, facts.name, facts.quantization, facts.chat_template) == (None,) * 4
    assert (facts.layers, facts.context_length, facts.embedding_length, facts.vocabulary_size) == (None,) * 4
    assert (facts.heads, facts.kv_heads, facts.key_length, facts.value_length) == (None,) * 4
    assert (facts.parameters, facts.tensor_bytes, facts.bits_per_weight) == (0, 0, None)
    assert facts.kind == "vocabulary"


def test_read_facts_with_keys_of_another_type_gives_none_for_texts(path: Path) -> None:
    raw = RawGguf().key("general.architecture", UINT32, 1).key("general.name", FLOAT32, 0.5)
    raw.key_array("tokenizer.chat_template", STRING, ["a", "b"]).key("general.file_type", STRING, "Q8_0")
    facts = facts_of(path, raw)
    assert (facts.architecture, facts.name, facts.chat_template, facts.quantization) == (None,) * 4


def test_read_facts_without_file_type_guesses_from_most_bytes(path: Path) -> None:
    raw = RawGguf().tensor("small", (64,), 0, offset=0, data_bytes=256)
    raw.tensor("large", (256, 4), 12, offset=256, data_bytes=4 * 144)
    facts = facts_of(path, raw)
    assert facts.quantization == "Q4_K"
    assert facts.bits_per_weight == (64 * 32 + 1024 * 4.5) / (64 + 1024)


def test_read_facts_without_optional_head_keys_derives_them_as_the_format_says(path: Path) -> None:
    facts = facts_of(path, llama_header())
    assert (facts.heads, facts.kv_heads) == (8, 8)
    assert (facts.key_length, facts.value_length) == (64 // 8, 64 // 8)


def test_read_facts_with_heads_per_layer_gives_the_most(path: Path) -> None:
    raw = RawGguf().key("general.architecture", STRING, "hybrid")
    raw.key_array("hybrid.attention.head_count", UINT32, [16, 16, 16])
    raw.key_array("hybrid.attention.head_count_kv", INT32, [0, 4, 2])
    facts = facts_of(path, raw)
    assert (facts.heads, facts.kv_heads) == (16, 4)
    assert facts.metadata["hybrid.attention.head_count_kv"] == (0, 4, 2)


def test_read_facts_of_recurrent_model_without_heads_gives_no_key_length(path: Path) -> None:
    raw = RawGguf().key("general.architecture", STRING, "mamba").key("mamba.embedding_length", UINT32, 768)
    facts = facts_of(path, raw.key("mamba.attention.head_count", UINT32, 0))
    assert (facts.heads, facts.key_length) == (0, None)


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("general.architecture", "clip", "mmproj"),
        ("general.type", "mmproj", "mmproj"),
        ("general.type", "adapter", "adapter"),
        ("general.type", "imatrix", "imatrix"),
        ("general.type", "model", "model"),
        ("general.type", "poem", "model"),
    ],
)
def test_kind_of_marked_file_is_its_mark(path: Path, key: str, value: str, kind: str) -> None:
    raw = RawGguf().key(key, STRING, value).tensor("a", (4,), data_bytes=16)
    assert facts_of(path, raw).kind == kind


def split_model(folder: Path) -> list[Path]:
    write_tiny_model(folder / "Big.gguf", tensors_per_part=8)
    parts = sorted(folder.glob("Big-*.gguf"))
    assert [part.name for part in parts] == [f"Big-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    return parts


@pytest.mark.parametrize("given", [0, 1, 2])
def test_read_facts_of_any_part_gives_the_whole_model(tmp_path: Path, given: int) -> None:
    parts = split_model(tmp_path)
    whole = read_facts(write_tiny_model(tmp_path / "whole.gguf"))

    facts = read_facts(parts[given])

    assert facts.path == parts[0]
    assert facts.files == tuple(parts)
    assert facts.file_bytes == sum(part.stat().st_size for part in parts)
    assert (facts.parameters, facts.tensor_bytes, facts.layers) == (
        whole.parameters,
        whole.tensor_bytes,
        whole.layers,
    )
    assert {tensor.name for tensor in facts.tensors} == {tensor.name for tensor in whole.tensors}
    assert {tensor.part for tensor in facts.tensors} == {0, 1, 2}
    for tensor in facts.tensors:
        assert tensor.offset + tensor.size_bytes <= os.path.getsize(facts.files[tensor.part])


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_read_facts_with_missing_part_names_it(tmp_path: Path, missing: int) -> None:
    parts = split_model(tmp_path)
    parts[missing].unlink()
    with pytest.raises(FileGone, match=f"{parts[missing].name} is missing") as caught:
        read_facts(parts[(missing + 1) % 3])
    assert "Download the missing part" in caught.value.hint


def test_read_facts_of_renamed_part_says_to_give_the_name_back(tmp_path: Path) -> None:
    renamed = split_model(tmp_path)[0].rename(tmp_path / "renamed.gguf")
    with pytest.raises(FileGone, match=r"renamed\.gguf is one of 3 parts") as caught:
        read_facts(renamed)
    assert "-00001-of-00003.gguf" in caught.value.hint


def test_read_facts_with_parts_swapped_raises_damaged(tmp_path: Path) -> None:
    first, second, third = split_model(tmp_path)
    shutil.copy(second, third)
    with pytest.raises(DamagedGguf, match="do not belong to one model"):
        read_facts(first)


def test_read_facts_with_part_of_another_model_raises_damaged(tmp_path: Path) -> None:
    first, second = tmp_path / "m-00001-of-00002.gguf", tmp_path / "m-00002-of-00002.gguf"
    for number, part in enumerate((first, second)):
        raw = RawGguf().key("split.no", UINT16, number).key("split.count", UINT16, 2)
        raw.key("split.tensors.count", INT32, 2).tensor("same", (4,), data_bytes=16)
        part.write_bytes(raw.to_bytes())
    with pytest.raises(DamagedGguf, match="do not belong to one model"):
        read_facts(first)


def test_read_facts_of_single_file_named_like_a_part_is_a_model_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "whole-00001-of-00002.gguf"
    assert facts_of(path, llama_header()).files == (path,)
