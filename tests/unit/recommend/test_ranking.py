"""Real models on real machines: what everybody in the field knows must come out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.hardware import Machine, read_profile
from app.memory import Held
from app.recommend.budget import budget_of
from app.recommend.catalogue import CatalogueModel, read_catalogue
from app.recommend.choose import Step
from app.recommend.fit import Verdict
from app.recommend.ranking import rank
from app.recommend.staircase import Staircase, staircases_of
from app.runtime.protocol import LoadSettings
from tests.helpers.plain_recommendation import recommend_model, variants_of

GB = 1_000_000_000
MACHINES = Path(__file__).parents[2] / "data" / "machines"


@pytest.fixture(scope="module")
def staircases(kept_sizes: Path) -> tuple[Staircase, ...]:
    return staircases_of(read_catalogue(), kept=kept_sizes)


def machine(name: str) -> Machine:
    return read_profile(MACHINES / f"{name}.json")


def model(id: str) -> CatalogueModel:
    return next(each for each in read_catalogue() if each.id == id)


def staircase(id: str, machine_name: str, context: int = 4096) -> dict[str, Step]:
    choice = recommend_model(
        model(id), budget_of(machine(machine_name)), LoadSettings(context_length=context)
    )
    assert choice
    return {step.quantization: step for step in choice.recommendation.steps}


def best(id: str, machine_name: str, context: int = 4096) -> Step:
    choice = recommend_model(
        model(id), budget_of(machine(machine_name)), LoadSettings(context_length=context)
    )
    assert choice
    return choice.recommendation.step


def test_seventy_billion_parameters_by_the_plain_formula() -> None:
    # 70.6 B x 16 / 8, x 8.5 / 8 (Q8_0 has a scale for 32 weights), and 42.5 GB as the published Q4_K_M
    sizes = {each.quantization: each.file_bytes for each in variants_of(model("llama-3.3-70b"))}
    assert sizes["F16"] == pytest.approx(141.1 * GB, rel=0.005)
    assert sizes["Q8_0"] == pytest.approx(75.0 * GB, rel=0.005)
    assert sizes["Q4_K_M"] == pytest.approx(42.52 * GB, rel=0.005)


def test_seventy_billion_run_on_a_mac_of_64_gb_and_split_on_a_card_of_24() -> None:
    assert staircase("llama-3.3-70b", "mac-64gb")["Q4_K_M"].fit.verdict in (Verdict.FITS, Verdict.TIGHT)
    split = staircase("llama-3.3-70b", "desktop-24gb-card")["IQ4_XS"].fit
    assert split.verdict in (Verdict.SPLIT, Verdict.SLOW)
    assert 0 < split.gpu_layers < 81


@pytest.mark.parametrize("id", ["qwen2.5-7b", "llama-3.1-8b", "qwen3-8b"])
def test_seven_to_eight_billion_at_four_bits_take_four_to_five_gb_and_suit_a_card_of_8(id: str) -> None:
    step = staircase(id, "desktop-8gb-card")["Q4_K_M"]
    assert 4 * GB < step.file_bytes < 5.1 * GB
    assert step.fit.verdict is Verdict.FITS


def test_published_file_sizes_are_met() -> None:
    """Of bartowski's and Qwen's own files on the Hub, in GB as listed there."""
    published = {
        ("llama-3.1-8b", "Q4_K_M"): 4.92,
        ("llama-3.1-8b", "Q8_0"): 8.54,
        ("qwen2.5-7b", "Q4_K_M"): 4.68,
        ("qwen3-8b", "Q8_0"): 8.71,
    }
    for (id, quantization), size in published.items():
        sizes = {each.quantization: each.file_bytes for each in variants_of(model(id))}
        assert sizes[quantization] == pytest.approx(size * GB, rel=0.005)


def test_a_longer_context_costs_bits() -> None:
    short, long = (
        best("llama-3.1-8b", "desktop-8gb-card", 2048),
        best("llama-3.1-8b", "desktop-8gb-card", 32_768),
    )
    assert long.bits_per_weight < short.bits_per_weight


def test_a_model_trained_in_four_bits_is_offered_in_those_alone() -> None:
    (variant,) = variants_of(model("gpt-oss-20b"))
    assert variant.quantization == "MXFP4_MOE"
    # The file on the Hub, ggml-org/gpt-oss-20b-GGUF, has 12.1 GB.
    assert variant.file_bytes == pytest.approx(12.1 * GB, rel=0.01)


def test_every_model_of_the_catalogue_gets_a_verdict_on_every_machine(
    staircases: tuple[Staircase, ...],
) -> None:
    assert len(staircases) == len(read_catalogue())
    for profile in sorted(MACHINES.glob("*.json")):
        budget = budget_of(read_profile(profile))
        for each in staircases:
            recommendation = each.choice(budget, each.settings(4096)).recommendation
            placed = recommendation.step.fit
            assert recommendation.reason
            assert placed.speed.low >= 0
            if placed.verdict is not Verdict.TOO_BIG:
                assert placed.accelerator_bytes <= budget.accelerator_bytes
                assert placed.memory_bytes <= budget.memory_bytes


def test_what_a_loaded_model_will_give_back_counts_as_free() -> None:
    here = machine("laptop-16gb")
    full = replace(here, memory=replace(here.memory, available_bytes=2 * GB))
    settings = LoadSettings()
    loaded = Held("Chat's model", ("Qwen3",), memory_bytes=12 * GB, mapped_bytes=4 * GB)
    without = recommend_model(model("qwen3-8b"), budget_of(full), settings)
    with_credit = recommend_model(model("qwen3-8b"), budget_of(full, [loaded]), settings)
    assert without
    assert with_credit
    assert without.recommendation.step.fit.verdict is Verdict.TOO_BIG
    assert with_credit.recommendation.step.fit.verdict is not Verdict.TOO_BIG


def test_what_a_mac_gets_back_from_metal_counts_for_its_memory_as_well() -> None:
    mac = machine("mac-64gb")
    full = replace(mac, memory=replace(mac.memory, available_bytes=4 * GB))
    full = replace(full, accelerators=(replace(mac.accelerators[0], free_bytes=4 * GB),))
    loaded = Held("Chat's model", ("Qwen3",), memory_bytes=GB, accelerator_bytes=(20 * GB,))
    before, after = budget_of(full), budget_of(full, [loaded])
    assert after.accelerator_bytes - before.accelerator_bytes == 20 * GB
    assert after.memory_bytes - before.memory_bytes == 21 * GB


def test_what_runs_well_comes_before_what_does_not(staircases: tuple[Staircase, ...]) -> None:
    budget = budget_of(machine("desktop-12gb-card"))
    choices = rank(each.choice(budget, each.settings(4096)) for each in staircases)
    order = [list(Verdict).index(each.recommendation.step.fit.verdict) for each in choices]
    tight_as_fits = [0 if place == 1 else place for place in order]
    assert tight_as_fits == sorted(tight_as_fits)
