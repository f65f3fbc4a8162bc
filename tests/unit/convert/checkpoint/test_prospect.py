"""What could be made of a checkpoint, told from its description and held against the converter itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.convert import make_from_checkpoint
from app.convert.checkpoint.conversion import convert_checkpoint
from app.convert.checkpoint.prospect import Described, prospect_of, prospect_of_folder
from app.core.jobs import CancelToken, JobControl
from app.gguf import read_facts
from tests.helpers.command_line import nibble
from tests.helpers.random_checkpoint import write_random_checkpoint
from tests.helpers.tiny_checkpoint import TinyLlama, write_tiny_checkpoint
from tests.unit.convert.checkpoint.test_quantized import CASES, write

DATA = Path(__file__).parents[3] / "data" / "convert"
LLAMA = Described(
    TinyLlama().config(),
    "BF16",
    is_pickled=False,
    is_adapter=False,
    files=("config.json", "model.safetensors", "tokenizer.model"),
)


def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


def but(checkpoint: Described, **values: object) -> Described:
    """With other values in config.json."""
    return replace(checkpoint, config={**checkpoint.config, **values})


@pytest.mark.parametrize("form", ["BF16", "F16", "F32", None])
def test_full_precision_llama_can_be_converted(form: str | None) -> None:
    prospect = prospect_of(replace(LLAMA, form=form))
    assert (prospect.reason_against, prospect.method, prospect.kept) == ("", None, None)


@pytest.mark.parametrize(
    ("checkpoint", "word"),
    [
        (replace(LLAMA, is_adapter=True), "adapter"),
        (replace(LLAMA, is_pickled=True), "pickled"),
        (replace(LLAMA, form="FP8"), "FP8"),
        (but(replace(LLAMA, form="EXL2"), quantization_config={"quant_method": "exl2"}), "EXL2"),
        (but(LLAMA, quantization_config="x" * 10_000), "x..."),
        (but(LLAMA, quantization_config={"quant_method": "gptq", "bits": 99}), "bits"),
        (but(LLAMA, architectures=["BertModel"]), "BertModel"),
        (but(LLAMA, architectures=["x" * 10_000]), "x..."),
        (but(LLAMA, architectures=[]), "nothing tells"),
        (but(LLAMA, architectures=5), "architectures"),
        (but(LLAMA, hidden_size=None), "hidden_size"),
        (replace(LLAMA, files=("tokenizer.model", "weights.safetensors")), "model.safetensors"),
        (replace(LLAMA, files=("model.safetensors", "vocab.txt")), "tokenizer"),
    ],
)
def test_what_cannot_has_a_reason(checkpoint: Described, word: str) -> None:
    reason = prospect_of(checkpoint).reason_against
    assert word in reason
    assert reason.endswith(".")
    assert len(reason) < 200


def test_what_is_said_to_be_convertible_is_converted(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path / "checkpoint")
    prospect = prospect_of_folder(folder)
    assert prospect.reason_against == ""
    path = convert_checkpoint(folder, tmp_path / "model.gguf", control())
    assert prospect.parameters == read_facts(path).parameters


@pytest.mark.parametrize("case", [case for case in CASES if case != "gptq-asymmetric"])
def test_the_type_that_keeps_the_integers_is_foretold(tmp_path: Path, case: str) -> None:
    config, quantize, kind = CASES[case]
    write(tmp_path / "Tiny", with_grouping(config), quantize)
    prospect = prospect_of_folder(tmp_path / "Tiny")
    assert (prospect.reason_against, prospect.method) == ("", config["quant_method"])
    assert prospect.kept == kind


def with_grouping(config: dict[str, Any]) -> dict[str, Any]:
    """The group size, which every published configuration has."""
    return {"group_size": 64, **config} if config["quant_method"] == "gptq" else config


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"quant_method": "gptq", "bits": 4, "sym": False, "group_size": 128}, "Q4_1"),
        ({"quant_method": "gptq", "bits": 4, "sym": True, "group_size": -1}, "Q4_0"),
        ({"quant_method": "gptq", "bits": 4, "sym": True, "group_size": 16}, None),
        ({"quant_method": "awq", "bits": 4, "zero_point": True, "group_size": 128}, "Q4_1"),
        ({"quant_method": "mxfp4"}, "BF16"),
    ],
)
def test_published_configurations_tell_what_is_kept(told: dict[str, Any], kept: str | None) -> None:
    assert prospect_of(but(LLAMA, quantization_config=told)).kept == kept


def test_sizes_are_those_of_the_files_but_for_their_headers(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path / "checkpoint")
    sizes = prospect_of_folder(folder).sizes
    types = ["F16", "Q8_0", "Q4_K_M", "Q2_K"]
    for path, type in zip(make_from_checkpoint(folder, types, tmp_path, control()), types, strict=True):
        facts = read_facts(path)
        header_bytes = facts.file_bytes - facts.tensor_bytes
        assert abs(sizes[type] - facts.file_bytes) < header_bytes + 40_000, type


def test_model_with_pictures_is_made_without_them_and_says_so(tmp_path: Path) -> None:
    recorded = json.loads((DATA / "gemma3-pictures.json").read_text())
    shapes = {name: (dtype, tuple(shape)) for name, (dtype, shape) in recorded["checkpoint"].items()}
    folder = write_random_checkpoint(tmp_path / "Tiny", recorded["config"], shapes)
    assert "vision tower" in prospect_of_folder(folder).leaves_out
    done = nibble("convert", folder, "--to", "BF16", "--out", tmp_path)
    assert (done.code, done.err.count("\n")) == (0, 1)
    assert "Tiny is its text part, without the part that sees pictures" in done.err
