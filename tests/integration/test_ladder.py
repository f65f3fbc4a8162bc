"""Several quantizations while the weights are read once: each is the file that llama.cpp makes alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import gguf
import numpy as np
import pytest

from app.convert import (
    Choices,
    Splitting,
    convert_checkpoint,
    make_from_checkpoint,
    quantize,
    quantize_several,
    read_tensor_types,
)
from app.core.errors import Cancelled, DiskFull, QuantizeFailed, UnknownArchitecture, WrongChoice
from app.core.jobs import CancelToken, JobControl, Progress
from app.gguf import read_facts, read_header
from app.gguf.importance import Importance, ImportanceMatrix, write_importance
from app.runtime import LoadedModel, LoadSettings
from tests.helpers.answers import ask, greedy
from tests.helpers.random_checkpoint import write_random_checkpoint
from tests.helpers.small_disk import mounted
from tests.helpers.tiny_checkpoint import TinyLlama, write_tiny_checkpoint
from tests.helpers.tiny_gguf import WeightType, write_tiny_model

LADDER = ["Q8_0", "Q5_K_M", "Q4_K_M", "Q3_K_M"]


def control(on_progress: Callable[[Progress], object] = lambda progress: None) -> JobControl:
    return JobControl(
        CancelToken(), lambda event: on_progress(event) if isinstance(event, Progress) else None
    )


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


# What is written


@pytest.mark.parametrize(
    ("type", "options"),
    [
        ("f32", {}),
        ("f16", {"layers": 9, "feed_forward": 352}),
        ("bf16", {"experts": 4, "feed_forward": 256}),
    ],
    ids=["F32", "F16, nine layers, rows that fit no block of 256", "BF16, experts"],
)
def test_each_file_is_to_the_byte_what_llama_cpp_makes_alone(
    tmp_path: Path, out: Path, type: WeightType, options: dict[str, int]
) -> None:
    source = write_tiny_model(tmp_path / f"tiny-{type}.gguf", type=type, **options)  # type: ignore[arg-type]
    kinds = [*LADDER, "IQ4_NL", "Q4_0", "TQ2_0", "F16"]
    if type == "f16":
        kinds.remove("F16")
    paths = quantize_several(source, kinds, out, control(), threads=2)
    for kind, path in zip(kinds, paths, strict=True):
        alone = quantize(source, kind, tmp_path / "alone", control(), threads=1)
        assert path.name == alone.name
        assert path.read_bytes() == alone.read_bytes(), kind


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
def test_ladder_of_a_checkpoint_is_that_of_its_conversion_of_which_no_file_is_made(
    tmp_path: Path, out: Path, dtype: str
) -> None:
    checkpoint = write_tiny_checkpoint(tmp_path / "Tiny", TinyLlama(dtype=dtype, layers=3), shards=2)
    seen = set[str]()
    paths = make_from_checkpoint(
        checkpoint, LADDER, out, control(lambda event: seen.update(path.name for path in out.iterdir()))
    )
    assert [path.name for path in paths] == [f"Tiny-{kind}.gguf" for kind in LADDER]
    assert len(seen) == 4
    assert not [name for name in seen if dtype in name]
    converted = convert_checkpoint(checkpoint, tmp_path / f"Tiny-{dtype}.gguf", control(), dtype)
    for kind, path in zip(LADDER, paths, strict=True):
        assert path.read_bytes() == quantize(converted, kind, tmp_path, control()).read_bytes()


def test_types_chosen_for_single_tensors_count_for_all_rungs_but_plain_ones(
    tmp_path: Path, out: Path
) -> None:
    source = write_tiny_model(tmp_path / "tiny-f32.gguf")
    chosen = read_tensor_types(["attn_v=q6_k"], "f16")
    paths = quantize_several(source, ["BF16", "Q8_0", "Q4_K_M"], out, control(), Choices(chosen))
    for path in paths[1:]:
        alone = quantize(source, path.stem.split("-")[1], tmp_path / "alone", control(), chosen=chosen)
        assert path.read_bytes() == alone.read_bytes()
    assert {tensor.type for tensor in read_facts(paths[0]).tensors} == {"F32", "BF16"}


@pytest.mark.parametrize("experts", [0, 3])
def test_importance_matrix_counts_as_llama_cpp_counts_it(tmp_path: Path, out: Path, experts: int) -> None:
    source = write_tiny_model(tmp_path / "tiny-f32.gguf", experts=experts)
    random = np.random.default_rng(0)
    told = {
        tensor.name: Importance(
            random.random((max(experts, 1) if "exps" in tensor.name else 1, tensor.shape[0]), np.float32),
            np.full(max(experts, 1) if "exps" in tensor.name else 1, 7),
        )
        for tensor in read_facts(source).tensors
        if tensor.name.startswith("blk.") and "norm" not in tensor.name and "inp" not in tensor.name
    }
    matrix = tmp_path / "importance.gguf"
    write_importance(ImportanceMatrix(told, ("prose.txt",), 3, 512), matrix)
    kinds = ["Q4_K_M", "IQ2_XXS", "Q4_0"]
    paths = quantize_several(source, kinds, out, control(), Choices(importance=matrix))
    for kind, path in zip(kinds, paths, strict=True):
        alone = quantize(source, kind, tmp_path / "alone", control(), importance=matrix)
        assert path.read_bytes() == alone.read_bytes(), kind


def test_progress_counts_the_bytes_of_the_source_once(tmp_path: Path, out: Path) -> None:
    source = write_tiny_model(tmp_path / "tiny-f32.gguf")
    events: list[Progress] = []
    quantize_several(source, LADDER, out, control(events.append))
    done = [event.done for event in events]
    assert done == sorted(done)
    assert done[-1] == events[-1].total == read_facts(source).tensor_bytes
    assert {event.stage for event in events} == {"Making Q8_0, Q5_K_M, Q4_K_M, Q3_K_M"}


def random_checkpoint(folder: Path, name: str) -> Path:
    recorded = json.loads((Path(__file__).parents[1] / "data" / "convert" / f"{name}.json").read_text())
    tensors = {name: (dtype, tuple(shape)) for name, (dtype, shape) in recorded["checkpoint"].items()}
    return write_random_checkpoint(folder / "Tiny", recorded["config"], tensors)


@pytest.mark.parametrize("name", ["gemma3", "gpt-oss", "phi3", "qwen3-moe"])
def test_ladder_of_any_architecture_is_that_of_its_conversion(tmp_path: Path, out: Path, name: str) -> None:
    """Numbers added to norms, tensors kept in MXFP4, several tensors in one, experts stacked."""
    checkpoint = random_checkpoint(tmp_path, name)
    kind = "MXFP4_MOE" if name == "gpt-oss" else "Q4_K_M"
    (made,) = make_from_checkpoint(checkpoint, [kind], out, control())
    converted = convert_checkpoint(checkpoint, tmp_path / "Tiny-BF16.gguf", control())
    assert made.read_bytes() == quantize(converted, kind, tmp_path, control()).read_bytes()


def test_what_comes_quantized_is_kept_or_refused_before_anything_is_made(tmp_path: Path, out: Path) -> None:
    checkpoint = random_checkpoint(tmp_path, "gpt-oss")
    with pytest.raises(WrongChoice, match="comes in MXFP4: making Q4_K_M from it would lose twice") as caught:
        make_from_checkpoint(checkpoint, ["Q4_K_M"], out, control())
    assert "MXFP4_MOE" in caught.value.hint
    assert not out.exists()


# Files in parts


def test_parts_are_no_larger_than_asked_hold_all_and_answer_as_one(
    tmp_path: Path, out: Path, tiny: Path
) -> None:
    (first,) = quantize_several(
        tiny, ["Q8_0"], out, control(), Choices(splitting=Splitting(most_bytes=400_000))
    )
    whole = quantize(tiny, "Q8_0", tmp_path, control())
    facts, expected = read_facts(first), read_facts(whole)
    assert len(facts.files) > 2
    assert sorted(path.name for path in out.iterdir()) == [path.name for path in facts.files]
    assert first.name == f"tiny-Q8_0-00001-of-{len(facts.files):05d}.gguf"
    assert {tensor.name: (tensor.type, tensor.shape) for tensor in facts.tensors} == {
        tensor.name: (tensor.type, tensor.shape) for tensor in expected.tensors
    }
    for path in facts.files:
        assert read_header(path).file_bytes - read_header(path).data_offset <= 400_000
    settings = LoadSettings(context_length=256, threads=1)
    with LoadedModel.load(first, settings) as model:
        parts = ask(model, "hello", greedy(8)).text
    with LoadedModel.load(whole, settings) as model:
        assert ask(model, "hello", greedy(8)).text == parts


def test_parts_are_to_the_byte_those_of_llama_gguf_split(tmp_path: Path, out: Path) -> None:
    """Recorded: `llama-gguf-split --split --split-max-size 1M` of what `quantize` makes of this model as F16."""
    source = write_tiny_model(tmp_path / "tiny-bf16.gguf", type="bf16", layers=3)
    splitting = Splitting(most_bytes=1_000_000)
    (first,) = quantize_several(source, ["F16"], out, control(), Choices(splitting=splitting))
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in read_facts(first).files] == [
        "2d9bfaec46ce04a0616ff0d14112422a1606203d4faacebf0c1cbc0f0f44612e",
        "e1927aabeadf53f48e4afd8283a55017d9aa02392e11696b5ffbf2fe53492757",
        "c8d7f6dadb59c64020a25d4de4046f55538e89a24d54cb770bec03574f83ecd5",
        "05d4cfe8c7be4ac518e2910b44a0be787bad0626369d63a43c8a64c1ac977bbc",
        "89f1736c48cd137d7ffb3ef8a980465c681b0920e6d1c41bc942a932b36db052",
    ]


def test_parts_of_the_source_are_kept_with_their_tensors(tmp_path: Path, out: Path) -> None:
    source = write_tiny_model(tmp_path / "tiny-f16.gguf", type="f16", tensors_per_part=7)
    (first,) = quantize_several(source, ["Q4_K_M"], out, control(), Choices(splitting=Splitting(keep=True)))
    before, after = read_facts(source), read_facts(first)
    assert [path.name for path in after.files] == [
        path.name.replace("tiny-f16", "tiny-Q4_K_M") for path in before.files
    ]
    assert {tensor.name: tensor.part for tensor in before.tensors} == {
        tensor.name: tensor.part for tensor in after.tensors
    }


def test_source_in_parts_becomes_one_file_the_same_as_of_one(tmp_path: Path, out: Path) -> None:
    parts = write_tiny_model(tmp_path / "tiny-f16.gguf", type="f16", tensors_per_part=7)
    paths = quantize_several(parts, LADDER, out, control())
    for kind, path in zip(LADDER, paths, strict=True):
        assert path.read_bytes() == quantize(parts, kind, tmp_path / "alone", control()).read_bytes()


def test_checkpoint_is_written_in_parts_also_in_full_precision(tmp_path: Path, out: Path) -> None:
    checkpoint = write_tiny_checkpoint(tmp_path / "Tiny", TinyLlama(dtype="BF16"))
    first, _ = make_from_checkpoint(
        checkpoint, ["BF16", "Q8_0"], out, control(), splitting=Splitting(most_bytes=300_000)
    )
    whole = read_facts(convert_checkpoint(checkpoint, tmp_path / "whole.gguf", control()))
    facts = read_facts(first)
    assert facts.quantization == "BF16"
    assert len(facts.files) > 1
    assert facts.tensor_bytes == whole.tensor_bytes


# What goes wrong


def test_numbers_that_are_not_finite_are_named_and_nothing_is_left(tmp_path: Path, out: Path) -> None:
    source = write_tiny_model(tmp_path / "nan.gguf")
    reader = gguf.GGUFReader(source, "r+")
    next(tensor for tensor in reader.tensors if tensor.name == "blk.1.ffn_up.weight").data[3, 5] = np.nan
    reader.data.flush()
    with pytest.raises(QuantizeFailed, match=r"blk\.1\.ffn_up\.weight holds numbers that are not finite"):
        quantize_several(source, LADDER, out, control())
    assert list(out.iterdir()) == []


def test_cancel_on_the_way_leaves_nothing(tmp_path: Path, out: Path) -> None:
    source = write_tiny_model(tmp_path / "tiny-f32.gguf")
    job = control(lambda event: job.cancel.cancel() if event.done else None)
    with pytest.raises(Cancelled):
        quantize_several(source, LADDER, out, job)
    assert list(out.iterdir()) == []


def test_ladder_that_cannot_fit_as_a_whole_is_refused_before_it_begins(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_tiny_model(tmp_path / "tiny-f32.gguf")
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: SimpleNamespace(total=10**9, used=0, free=3_000_000)
    )
    with pytest.raises(DiskFull, match="Q8_0, Q5_K_M, Q4_K_M, Q3_K_M of this model takes about 4"):
        quantize_several(source, LADDER, out, control())
    assert list(out.iterdir()) == []


def test_architecture_that_nobody_knows_is_refused_as_alone(tmp_path: Path, out: Path) -> None:
    source = write_tiny_model(tmp_path / "tiny-f32.gguf", architecture="nosucharch")
    with pytest.raises(UnknownArchitecture, match="'nosucharch'"):
        quantize_several(source, LADDER, out, control())
    with pytest.raises(WrongChoice, match=r"does not know tiny-f32\.gguf well enough"):
        quantize_several(source, ["Q8_0"], out, control(), Choices(splitting=Splitting(most_bytes=1000)))


def test_checkpoint_has_no_parts_that_could_be_kept(tmp_path: Path, out: Path) -> None:
    checkpoint = write_tiny_checkpoint(tmp_path / "Tiny", TinyLlama(), shards=2)
    with pytest.raises(WrongChoice, match="no GGUF in parts"):
        make_from_checkpoint(checkpoint, ["Q8_0"], out, control(), splitting=Splitting(keep=True))


def test_disk_that_runs_full_on_the_way_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    source = write_tiny_model(tmp_path / "tiny-f32.gguf")
    with mounted(tmp_path / "small", 8) as disk:

        def fill(event: Progress) -> None:
            if event.done and not (disk / "other").exists():
                with suppress(OSError), (disk / "other").open("wb", buffering=0) as file:
                    while True:
                        file.write(bytes(4096))

        with pytest.raises(DiskFull):
            quantize_several(source, LADDER, disk, control(fill))
        assert [path.name for path in disk.iterdir()] == ["other"]


def test_earlier_file_of_that_name_stays_when_it_comes_to_nothing(tmp_path: Path, out: Path) -> None:
    source = write_tiny_model(tmp_path / "nan.gguf")
    out.mkdir()
    (out / "nan-Q8_0.gguf").write_bytes(b"earlier")
    data = bytearray(source.read_bytes())
    data[-4:] = struct.pack("<f", float("inf"))
    source.write_bytes(data)
    with pytest.raises(QuantizeFailed):
        quantize_several(source, LADDER, out, control())
    assert [path.name for path in out.iterdir()] == ["nan-Q8_0.gguf"]
    assert (out / "nan-Q8_0.gguf").read_bytes() == b"earlier"
