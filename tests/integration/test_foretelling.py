"""What `--dry-run` tells is what is then made, to the byte, and nothing is written for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.convert import (
    Choices,
    Splitting,
    foretell,
    make_from_checkpoint,
    quantize_several,
    read_tensor_types,
)
from app.core.errors import WrongChoice
from app.core.jobs import CancelToken, JobControl
from app.gguf import read_facts
from tests.helpers.command_line import nibble
from tests.helpers.tiny_checkpoint import TinyLlama, write_tiny_checkpoint
from tests.helpers.tiny_gguf import write_tiny_model

TYPES = ["Q8_0", "Q4_K_M", "IQ4_XS"]


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


@pytest.mark.parametrize(
    "choices",
    [
        Choices(),
        Choices(read_tensor_types(["attn_v=q8_0"], "q6_k", pure=True)),
        Choices(splitting=Splitting(most_bytes=300_000)),
    ],
    ids=["as they are", "chosen types", "in parts"],
)
def test_sizes_are_those_of_the_files_then_made_of_a_gguf(tmp_path: Path, choices: Choices) -> None:
    source = write_tiny_model(tmp_path / "tiny-f16.gguf", type="f16", feed_forward=352)
    out = tmp_path / "out"
    foretold = foretell(source, TYPES, out, CancelToken(), choices)
    assert not out.exists()
    paths = quantize_several(source, TYPES, out, control(), choices)
    for each, path in zip(foretold, paths, strict=True):
        facts = read_facts(path)
        assert each.paths == facts.files
        assert each.file_bytes == sum(part.stat().st_size for part in facts.files)
        assert each.bits_per_weight == pytest.approx(facts.bits_per_weight)


@pytest.mark.parametrize("splitting", [Splitting(), Splitting(most_bytes=300_000)])
def test_sizes_are_those_of_the_files_then_made_of_a_checkpoint(tmp_path: Path, splitting: Splitting) -> None:
    checkpoint = write_tiny_checkpoint(tmp_path / "Tiny", TinyLlama(dtype="BF16"))
    out, types = tmp_path / "out", ["BF16", "F32", *TYPES]
    foretold = foretell(checkpoint, types, out, CancelToken(), Choices(splitting=splitting))
    assert not out.exists()
    paths = make_from_checkpoint(checkpoint, types, out, control(), splitting=splitting)
    assert [(each.paths, each.file_bytes) for each in foretold] == [
        (facts.files, sum(part.stat().st_size for part in facts.files)) for facts in map(read_facts, paths)
    ]


def test_tensors_that_get_another_type_for_their_shape_are_told(tmp_path: Path) -> None:
    source = write_tiny_model(tmp_path / "tiny-f16.gguf", type="f16", feed_forward=352)
    (found,) = foretell(source, ["Q4_K_M"], tmp_path, CancelToken(), Choices())
    assert {(each.tensor, each.type) for each in found.fallbacks} == {
        ("blk.0.ffn_down.weight", "Q5_0"),
        ("blk.1.ffn_down.weight", "Q8_0"),
    }
    assert {each.wanted for each in found.fallbacks} == {"Q4_K", "Q6_K"}


def test_model_that_nobody_knows_is_not_foretold(tmp_path: Path) -> None:
    source = write_tiny_model(tmp_path / "tiny-f32.gguf", architecture="nosucharch")
    with pytest.raises(WrongChoice, match="does not know beforehand"):
        foretell(source, ["Q8_0"], tmp_path, CancelToken(), Choices())


def test_command_tells_sizes_and_fallbacks_and_writes_nothing(tmp_path: Path) -> None:
    source = write_tiny_model(tmp_path / "tiny-f16.gguf", type="f16", feed_forward=352)
    arguments = ["convert", str(source), "--to", "Q8_0,Q4_K_M", "--out", str(tmp_path / "out"), "--dry-run"]
    told = json.loads(nibble(*arguments, "--json").out)
    assert [each["quantization"] for each in told["outputs"]] == ["Q8_0", "Q4_K_M"]
    assert told["total_bytes"] == sum(each["file_bytes"] for each in told["outputs"])
    assert told["free_bytes"] > 0
    assert told["outputs"][1]["fallbacks"][0].keys() == {"name", "type", "wanted"}
    assert "blk.1.ffn_down.weight: Q8_0, since no block of Q6_K divides its rows" in nibble(*arguments).out
    assert not (tmp_path / "out").exists()
