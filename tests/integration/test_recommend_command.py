"""`nibble recommend` with alternatives, for models of the catalogue and for files."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.gguf import read_facts
from app.recommend.budget import Budget
from app.recommend.file_staircase import FileStaircase
from app.storage import data_folder
from tests.helpers.command_line import nibble
from tests.helpers.llama_quantize import Wanted, llama_quantize
from tests.helpers.tiny_gguf import write_tiny_model

MACHINES = Path(__file__).parents[1] / "data" / "machines"
CARD = MACHINES / "desktop-8gb-card.json"
FILE_TYPES = {"Q8_0": 7, "Q6_K": 18, "Q4_K_M": 15}
"""llama_ftype in llama.h."""


def test_alternatives_are_in_the_json_with_their_settings_and_in_the_text() -> None:
    options = ("qwen3-8b", "--context", "32768", "--machine", CARD)
    best, *others = nibble("recommend", *options, "--json").document["choices"]
    told = nibble("recommend", *options).out
    assert best["alternatives"]
    assert all(each["alternatives"] == [] for each in others)
    for each in best["alternatives"]:
        assert f"- {each['reason']}" in told
        assert each["quantization"] in each["reason"]
        assert each["verdict"] in ("fits the GPU", "fits, tight")
        assert (each["kv"], each["context_tokens"], each["id"]) != ("f16", 32_768, None)


def test_a_file_that_can_be_quantized_is_told_what_it_would_become(tmp_path: Path) -> None:
    source = write_tiny_model(tmp_path / "source.gguf", type="bf16", vocabulary=2048)
    told = nibble("recommend", source, "--machine", CARD, "--json").document["choices"]
    sizes = {each["quantization"]: each["file_bytes"] for each in told}
    assert sizes["BF16"] == source.stat().st_size
    targets = {name: tmp_path / f"{name}.gguf" for name in FILE_TYPES}
    llama_quantize(source, [Wanted(FILE_TYPES[name], target=str(path)) for name, path in targets.items()])
    for name, path in targets.items():
        assert sizes[name] == pytest.approx(path.stat().st_size, rel=0.005)
    assert all(each["path"] == str(source) for each in told)


def test_a_file_that_is_quantized_is_the_only_step(tmp_path: Path) -> None:
    source = write_tiny_model(tmp_path / "source.gguf", vocabulary=2048)
    llama_quantize(source, [Wanted(15, target=str(tmp_path / "small.gguf"))])
    (only,) = nibble("recommend", tmp_path / "small.gguf", "--machine", CARD, "--json").document["choices"]
    assert only["quantization"] == "Q4_K_M"
    assert only["file_bytes"] == (tmp_path / "small.gguf").stat().st_size
    assert only["verdict"] == "fits the GPU"
    assert only["recommended"]


def test_a_file_of_which_a_machine_has_too_little_memory_gets_a_cache_in_fewer_bits(tmp_path: Path) -> None:
    # 16 layers x 2 heads x (64 + 64) x 2 bytes x 32,768 tokens: 268 MB of cache, 143 in Q8_0
    source = write_tiny_model(tmp_path / "long.gguf", layers=16, context=32_768)
    staircase = FileStaircase(read_facts(source))
    large = Budget(0, 1 << 40, 1e9, 1e9, is_shared=False)
    steps = staircase.steps(large, staircase.settings(32_768))
    smallest = min(step.need.total_bytes for step in steps)
    tight = Budget(0, smallest - 50_000_000, 1e9, 40e9, is_shared=False)
    found = staircase.recommendation(tight, 32_768)
    assert found.step.fit.free_bytes < 0
    assert found.alternatives[0].settings.kv_type == "q8_0"
    assert found.alternatives[0].step.fit.free_bytes >= 0
    assert found.alternatives[1].settings.context_length == 16_384


def test_a_name_of_the_library_will_do() -> None:
    write_tiny_model(data_folder().create().models / "mine-f32.gguf")
    first, *_ = nibble("recommend", "mine-f32", "--json").document["choices"]
    assert first["model"] == "mine-f32"


def test_what_is_missing_damaged_or_no_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(write_tiny_model(tmp_path / "whole.gguf").read_bytes()[:200])
    nibble("recommend", tmp_path / "gone.gguf").assert_refused("gone.gguf")
    nibble("recommend", damaged).assert_refused("damaged.gguf is truncated")
    nibble("recommend", "no-such-model").assert_refused("no model called no-such-model")


def test_experts_can_be_kept_in_main_memory(tmp_path: Path) -> None:
    mixture = write_tiny_model(tmp_path / "mixture.gguf", experts=4)
    told = nibble("estimate", mixture, "--machine", CARD, "--expert-layers-on-cpu", "-1", "--json").document
    processor, card = told["devices"]
    # 2 layers x 4 experts x 3 matrices of 256 x 512 numbers of 4 bytes
    experts = 2 * 4 * 3 * 256 * 512 * 4
    whole = nibble("estimate", mixture, "--machine", CARD, "--json").document
    assert told["expert_layers_on_cpu"] == 2
    assert whole["expert_layers_on_cpu"] == 0
    assert whole["devices"][1]["weights_bytes"] - card["weights_bytes"] == experts
    assert processor["weights_bytes"] - whole["devices"][0]["weights_bytes"] == experts
    assert told["gpu_layers"] == whole["gpu_layers"] == 3
    half = nibble("estimate", mixture, "--machine", CARD, "--expert-layers-on-cpu", "1", "--json").document
    assert half["expert_layers_on_cpu"] == 1
    assert half["devices"][1]["weights_bytes"] - card["weights_bytes"] == experts // 2
    assert (
        "of 1 layers in main memory"
        in nibble("estimate", mixture, "--machine", CARD, "--expert-layers-on-cpu", "1").out
    )


def test_a_model_without_experts_says_so(tmp_path: Path) -> None:
    plain = write_tiny_model(tmp_path / "plain.gguf")
    told = nibble("estimate", plain, "--machine", CARD, "--expert-layers-on-cpu", "-1", "--json").document
    assert "has no experts" in " ".join(told["notes"])
