"""Speed: the arithmetic of an estimate, and estimates held against what people measured."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from app.hardware import Accelerator, Cpu, Machine, Memory
from app.hardware.bandwidth import known_bandwidth
from app.recommend.budget import Budget, budget_of
from app.recommend.catalogue import read_catalogue
from app.recommend.fit import speed_with
from app.recommend.need import Need
from app.recommend.sizes import Sizes, sizes_of
from app.recommend.speed import Learned, Speed, variant_of
from app.runtime.protocol import LoadSettings

GB = 1_000_000_000
CARD = Budget(24 * GB, 60 * GB, 300e9, 60e9, is_shared=False)

DENSE = Need(
    layers=32,
    weights_bytes=5 * GB,
    layer_bytes=GB // 8,
    output_bytes=GB // 2,
    embedding_bytes=GB // 2,
    kv_bytes=0,
    compute_bytes=GB // 4,
    read_bytes=4 * GB + GB // 2,
    is_guess=False,
)
MIXTURE = replace(DENSE, weights_bytes=20 * GB, expert_layers=30)


def seconds(need: Need, gpu_layers: int, budget: Budget = CARD) -> float:
    return 1 / speed_with(need, budget, gpu_layers).middle


def test_on_the_card_a_token_takes_what_is_read_and_the_layers() -> None:
    assert seconds(DENSE, 33) == pytest.approx(4.5 / (300 * 0.86) + 32 * 60e-6)


def test_layers_that_choose_experts_take_longer() -> None:
    assert seconds(MIXTURE, 33) - seconds(DENSE, 33) == pytest.approx(30 * 55e-6)


def test_the_processor_takes_what_is_read() -> None:
    assert seconds(MIXTURE, 0) == pytest.approx(4.5 / (60 * 0.7))


def test_a_split_model_takes_both_one_after_the_other() -> None:
    # 16 of 32 layers and the output are on the card: 2 + 0.5 GB there, 2 GB in memory.
    assert seconds(DENSE, 17) == pytest.approx(2.5 / (300 * 0.86) + 16 * 60e-6 + 2 / (60 * 0.7))


def test_the_cache_is_read_besides() -> None:
    # The speed is told for a context that is a quarter full.
    with_cache = replace(DENSE, kv_bytes=4 * GB)
    assert seconds(with_cache, 0) - seconds(DENSE, 0) == pytest.approx(1 / (60 * 0.7))


def test_more_layers_than_there_are_are_all() -> None:
    assert seconds(DENSE, 99) == seconds(DENSE, 33)


def test_corrections_change_the_device_that_they_are_of() -> None:
    learned = replace(CARD, learned=Learned(accelerator=0.5, processor=2.0))
    assert seconds(DENSE, 33, learned) == pytest.approx(2 * seconds(DENSE, 33))
    assert seconds(DENSE, 0, learned) == pytest.approx(seconds(DENSE, 0) / 2)
    assert seconds(DENSE, 17, learned) == pytest.approx(2 * (2.5 / 258 + 16 * 60e-6) + 2 / (60 * 0.7 * 2))
    speed = speed_with(DENSE, learned, 33)
    assert (speed.is_measured, speed.is_corrected, speed.basis) == (False, True, "estimated")


def test_a_device_that_nothing_is_known_of_is_not_corrected() -> None:
    learned = replace(CARD, learned=Learned(processor=2.0))
    assert speed_with(DENSE, learned, 33) == speed_with(DENSE, CARD, 33)


def test_what_has_run_here_is_measured_and_told_more_narrowly() -> None:
    learned = Learned(accelerator=3.0, variants={variant_of(DENSE, 33): 0.8})
    speed = speed_with(DENSE, replace(CARD, learned=learned), 33)
    assert speed.middle == pytest.approx(0.8 / seconds(DENSE, 33))
    assert speed.basis == "measured"
    estimated = speed_with(DENSE, CARD, 33)
    assert speed.high / speed.low < estimated.high / estimated.low
    # Elsewhere than it ran it is a guess as before.
    assert speed_with(DENSE, replace(CARD, learned=learned), 17).basis == "estimated"


def machine_with(name: str, memory_bytes: int) -> Machine:
    bandwidth = known_bandwidth(name, memory_bytes)
    card = Accelerator(name, "CUDA", memory_bytes, memory_bytes, bandwidth_bytes_per_s=bandwidth)
    return Machine(Cpu("A processor", 8, 16), Memory(64 * GB, 60 * GB), (card,))


@pytest.mark.parametrize(
    ("name", "memory_bytes", "gigabytes_per_s"),
    [
        ("NVIDIA GeForce RTX 4090", 24 << 30, 1008),
        # 273 GB/s on paper, of which a program that only reads gets 231 to 234.
        ("NVIDIA GB10", 120 << 30, 232),
        # Pascal: 768 cores x 2 x 1.392 GHz, 45 operations a byte; its memory would give 112 GB/s.
        ("NVIDIA GeForce GTX 1050 Ti", 4 << 30, 768 * 2 * 1.392 / 45),
    ],
)
def test_a_device_reads_as_fast_as_its_slowest_part(
    name: str, memory_bytes: int, gigabytes_per_s: float
) -> None:
    found = budget_of(machine_with(name, memory_bytes)).accelerator_bytes_per_s
    assert found == pytest.approx(gigabytes_per_s * 1e9, rel=0.005)


def test_an_old_card_that_nothing_was_fitted_to_is_told_right() -> None:
    """Tesla P40, 7 B parameters in Q4_K_S (3.86 GB, 32 layers): 54 tokens per second,
    github.com/ggml-org/llama.cpp, pull request 4766."""
    budget = budget_of(machine_with("Tesla P40", 24 << 30))
    llama = replace(DENSE, read_bytes=3_860_000_000, output_bytes=100_000_000)
    assert speed_with(llama, budget, 33).middle == pytest.approx(54, rel=0.1)


PUBLISHED = Path(__file__).parents[2] / "data" / "speed" / "published_runs.toml"
DEVICES: list[dict[str, Any]] = tomllib.loads(PUBLISHED.read_text())["device"]


@cache
def sizes(model_id: str) -> Sizes:
    (model,) = (model for model in read_catalogue() if model.id == model_id)
    found = sizes_of(model)
    assert found is not None
    return found


def errors(device: dict[str, Any], kind: str) -> Iterator[tuple[float, Speed, float]]:
    """Relative error, estimate and measurement of each run; 0.1 is told 10 % too fast."""
    budget = budget_of(machine_with(device["name"], device["memory_bytes"]))
    for model_id, quantization, rate in device[kind]:
        # A quarter of it is what a prompt of some words and half of its answer fill.
        space = sizes(model_id).space(LoadSettings(context_length=1024))
        (size,) = (each for each in sizes(model_id).quantizations if each.quantization == quantization)
        need = space.added_to(size.need)
        speed = speed_with(need, budget, need.layers + 1)
        yield speed.middle / rate - 1, speed, rate


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device["name"])
def test_dense_models_are_told_within_a_tenth_in_the_median(device: dict[str, Any]) -> None:
    assert median(abs(error) for error, _, _ in errors(device, "dense")) < 0.1


@pytest.mark.parametrize(
    "device", [each for each in DEVICES if each["mixtures"]], ids=lambda device: device["name"]
)
def test_mixtures_of_experts_are_told_within_a_tenth_in_the_median(device: dict[str, Any]) -> None:
    assert median(abs(error) for error, _, _ in errors(device, "mixtures")) < 0.1


def test_the_range_holds_for_nine_of_ten() -> None:
    found = [
        (speed, rate)
        for device in DEVICES
        for kind in ("dense", "mixtures")
        for _, speed, rate in errors(device, kind)
    ]
    held = sum(speed.low <= rate <= speed.high for speed, rate in found)
    assert len(found) > 80
    assert held / len(found) > 0.85


@pytest.mark.parametrize(
    ("model_id", "expert_layers"),
    # Config files: Qwen3 8B is dense; all 48 layers of Qwen3 30B-A3B choose experts; of DeepSeek V2 Lite's 27 all but
    # the first do.
    [("qwen3-8b", 0), ("qwen3-30b-a3b", 48), ("deepseek-v2-lite", 26)],
)
def test_layers_with_experts_are_counted(model_id: str, expert_layers: int) -> None:
    assert sizes(model_id).quantizations[0].need.expert_layers == expert_layers
