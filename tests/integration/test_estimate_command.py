"""`nibble estimate` and `nibble recommend` as scripts use them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.command_line import nibble
from tests.helpers.raw_gguf import F16, STRING, RawGguf

MACHINES = Path(__file__).parents[1] / "data" / "machines"
CARD = MACHINES / "desktop-8gb-card.json"
TWO_CARDS = MACHINES / "desktop-two-24gb-cards.json"


def test_estimate_says_what_each_part_takes_and_whether_it_fits(tiny: Path) -> None:
    told = nibble("estimate", tiny, "--context", "512", "--json").document
    # 2 layers, 2 heads of keys and values of 64 numbers in 2 bytes, 512 tokens
    assert told["kv_bytes"] == 2 * 2 * 2 * 64 * 2 * 512
    assert told["total_bytes"] == told["weights_bytes"] + told["kv_bytes"] + told["compute_bytes"]
    assert [device["name"] for device in told["devices"]] == ["CPU"]
    assert told["fits"] is True
    assert told["basis"] == "formula"


def test_the_runtime_asked_by_a_dry_run_says_the_same(tiny: Path) -> None:
    for options in (["--context", "512"], ["--context", "2048", "--kv", "q8_0", "--ubatch", "128"]):
        formula = nibble("estimate", tiny, *options, "--json").document
        exact = nibble("estimate", tiny, *options, "--exact", "--json").document
        assert exact["basis"] == "dry run"
        for key in ("weights_bytes", "kv_bytes", "compute_bytes"):
            assert formula[key] == pytest.approx(
                exact[key], abs=3 * 5243
            )  # the log has MiB with two decimals


def test_flash_attention_can_be_left_out(tiny: Path) -> None:
    with_it = nibble("estimate", tiny, "--context", "8192", "--json").document
    without = nibble("estimate", tiny, "--context", "8192", "--no-flash-attention", "--json").document
    assert without["compute_bytes"] > with_it["compute_bytes"] + 4 * 8192 * 512 * 3


def test_on_another_machine_its_card_gets_the_layers(tiny: Path) -> None:
    told = nibble("estimate", tiny, "--machine", CARD, "--json").document
    assert [device["name"] for device in told["devices"]] == ["CPU", "NVIDIA GeForce RTX 4060"]
    assert told["gpu_layers"] == 3
    assert told["devices"][1]["kv_bytes"] == told["kv_bytes"]


def test_devices_and_their_parts_can_be_chosen(tiny: Path) -> None:
    def estimate(*options: str) -> dict[str, int]:
        told = nibble("estimate", tiny, "--machine", TWO_CARDS, *options, "--json").document
        return {device["name"]: device["kv_bytes"] for device in told["devices"]}

    first, second = "NVIDIA GeForce RTX 3090 (1)", "NVIDIA GeForce RTX 3090 (2)"
    assert set(estimate("--devices", "CUDA1")) == {"CPU", second}
    # Of two layers and the output the main device gets as many parts as are asked for, and the first ones.
    shared = estimate("--devices", "CUDA1,CUDA0", "--split", "1,2")
    assert shared[second] == shared[first] > 0
    nibble("estimate", tiny, "--machine", TWO_CARDS, "--devices", "CUDA2").assert_refused("no device CUDA2")
    nibble("estimate", tiny, "--machine", TWO_CARDS, "--split", "1,2").assert_refused("split in 2 parts")
    nibble("estimate", tiny, "--devices", "CUDA0", "--split", "many").assert_refused("many is no split")


def test_more_layers_than_there_are_and_a_longer_context_than_trained_for_are_told(tiny: Path) -> None:
    outcome = nibble(
        "estimate", tiny, "--machine", CARD, "--gpu-layers", "99", "--context", "100000", "--json"
    )
    told = outcome.document
    assert told["gpu_layers"] == 3
    assert told["context_tokens"] == 100_096  # the next multiple of 256
    notes = " ".join(told["notes"])
    assert "99 cannot be offloaded" in notes
    assert "trained for 4,096 tokens" in notes


def test_unknown_architecture_is_a_guess_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "odd.gguf"
    raw = RawGguf().key("general.architecture", STRING, "nosucharch")
    raw.tensor("token_embd.weight", (256, 256), F16, data_bytes=256 * 256 * 2)
    path.write_bytes(raw.to_bytes())
    told = nibble("estimate", path, "--json").document
    assert told["basis"] == "guess"
    assert told["weights_bytes"] == 256 * 256 * 2
    assert "cache and working space are a guess" in nibble("estimate", path).out


def test_machine_that_is_none_is_refused(tiny: Path, tmp_path: Path) -> None:
    profile = tmp_path / "machine.json"
    profile.write_text('{"memory": {"total_bytes": -5}}')
    nibble("estimate", tiny, "--machine", profile).assert_refused("machine.json")
    nibble("recommend", "--machine", tmp_path / "none.json").assert_refused("none.json")


def test_recommend_gives_the_best_quantization_first_and_the_reason() -> None:
    told = nibble("recommend", "qwen3-8b", "--context", "8192", "--machine", CARD, "--json").document
    best, *others = told["choices"]
    assert best["recommended"]
    assert best["verdict"] == "fits the GPU"
    assert best["quantization"] in best["reason"]
    assert len(others) >= 5
    assert not any(each["recommended"] for each in others)
    for each in told["choices"]:
        low, high = each["tokens_per_s_range"]
        assert 0 <= low <= each["tokens_per_s"] <= high
        assert each["file_bytes"] > 1e9
        assert each["speed_basis"] == "estimated"


def test_recommend_lists_models_for_a_machine_and_keeps_what_it_worked_out() -> None:
    first = nibble("recommend", "--machine", CARD, "--json").document
    again = nibble("recommend", "--machine", CARD, "--json").document
    assert first == again
    assert len(first["choices"]) > 100
    assert first["choices"][0]["verdict"] in ("fits the GPU", "fits, tight")


@pytest.mark.parametrize("words", ["nosuchmodel", "qwen"])
def test_recommend_of_no_model_or_of_several_says_what_to_do(words: str) -> None:
    nibble("recommend", words).assert_refused(words)
