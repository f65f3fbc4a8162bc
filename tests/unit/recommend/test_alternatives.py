"""What is offered before quality is thrown away: on sizes where the arithmetic can be done in the head, and on the
machines of the profiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.hardware import read_profile
from app.recommend.advice import advised
from app.recommend.alternatives import alternatives_of
from app.recommend.budget import Budget, budget_of
from app.recommend.cache_types import CACHE_LOSS, takes_quantized_cache
from app.recommend.catalogue import read_catalogue
from app.recommend.choose import Alternative, Step, is_whole, recommend_step
from app.recommend.fit import Verdict, fit
from app.recommend.loss import expected_loss
from app.recommend.need import Need
from app.recommend.ranking import Choice
from app.recommend.staircase import Staircase, staircases_of
from app.runtime.protocol import LoadSettings

GB = 1_000_000_000
MACHINES = Path(__file__).parents[2] / "data" / "machines"
PROFILES = sorted(path.stem for path in MACHINES.glob("*.json"))

PARAMETERS = 8 * GB
BITS = {"Q8_0": 8.5, "Q6_K": 6.5, "Q5_K_M": 5.7, "Q4_K_M": 4.8, "Q3_K_M": 4.0, "Q2_K": 3.2}
CACHE_SHARE = {"f16": 1.0, "q8_0": 34 / 64, "q4_0": 18 / 64}
"""Bytes of a block of 32 numbers, of 64 in F16 (ggml-common.h)."""


def card(gigabytes: float) -> Budget:
    return Budget(int(gigabytes * GB), 32 * GB, 300e9, 60e9, is_shared=False)


def steps_on(budget: Budget, kv_gb_at_32k: float) -> Callable[[LoadSettings], list[Step]]:
    """8 B parameters in 32 layers, without embedding or output; the cache grows with the context."""

    def steps(settings: LoadSettings) -> list[Step]:
        share = settings.context_length / 32_768 * CACHE_SHARE[settings.kv_type]
        made = []
        for name, bits in BITS.items():
            weights = int(PARAMETERS * bits / 8)
            need = Need(
                layers=32,
                weights_bytes=weights,
                layer_bytes=weights // 32,
                output_bytes=0,
                embedding_bytes=0,
                kv_bytes=int(kv_gb_at_32k * GB * share),
                compute_bytes=0,
                read_bytes=weights,
                is_guess=False,
            )
            loss = expected_loss(name, bits, PARAMETERS)
            made.append(Step(name, weights, bits, need, fit(need, budget), loss))
        return made

    return steps


def offered(
    gigabytes: float, kv_gb: float, context: int = 32_768, **options: bool
) -> tuple[Alternative, ...]:
    settings = LoadSettings(context_length=context)
    steps = steps_on(card(gigabytes), kv_gb)
    found = recommend_step(steps(settings), context, PARAMETERS)
    quantizes_cache = options.get("quantizes_cache", True)
    return alternatives_of(found, settings, steps, has_accelerator=True, quantizes_cache=quantizes_cache)


def test_a_cache_in_eight_bits_makes_room_for_more_bits_of_weights() -> None:
    # Q4_K_M 4.8 + 2 GB of cache fit 7 GB, Q5_K_M 5.7 + 2 do not; with 2 x 34 / 64 = 1.06 GB of cache they do.
    with_cache, _ = offered(7.0, 2.0)
    assert with_cache.step.quantization == "Q5_K_M"
    assert with_cache.settings == LoadSettings(context_length=32_768, kv_type="q8_0")
    assert is_whole(with_cache.step.fit)
    assert with_cache.reason == "With the cache as Q8_0, Q5_K_M fits too (938 MB less)."


def test_the_longest_of_the_shorter_contexts_that_help_is_offered() -> None:
    # At 16k half of the cache is left: 5.7 + 1 GB fit 7 GB.
    with_context = offered(7.0, 2.0)[-1]
    assert with_context.settings == LoadSettings(context_length=16_384)
    assert with_context.step.quantization == "Q5_K_M"
    assert with_context.reason == "At 16k instead of 32k, Q5_K_M fits too (1.00 GB less)."


def test_four_bits_of_cache_only_where_eight_do_not_help_and_with_their_price() -> None:
    # 4 GB of cache beside 4.8 of Q4_K_M: 2.1 GB in Q8_0 are too many for 6.2 GB, 1.1 in Q4_0 are not.
    with_cache = offered(6.2, 4.0)[0]
    assert with_cache.settings.kv_type == "q4_0"
    assert is_whole(with_cache.step.fit)
    assert "1.2 %" in with_cache.reason


def test_losses_of_the_cache_are_those_that_were_published() -> None:
    assert CACHE_LOSS["q8_0"] == pytest.approx(6.234369 / 6.232196 - 1, abs=1e-4)
    assert CACHE_LOSS["q4_0"] == pytest.approx(7.9506 / 7.8551 - 1, abs=2e-4)


def test_what_is_as_good_as_the_original_needs_nothing_else() -> None:
    assert offered(24.0, 2.0) == ()


def test_where_weights_alone_are_too_large_nothing_is_promised() -> None:
    assert offered(3.0, 0.1) == ()


def test_a_context_that_is_short_already_gets_no_shorter() -> None:
    assert all(each.settings.context_length == 2048 for each in offered(7.0, 32.0, context=2048))
    assert offered(7.0, 32.0, context=1, quantizes_cache=False) == ()


@pytest.mark.parametrize(
    ("architecture", "lengths", "possible"),
    [
        ("llama", (128, 128), True),
        ("deepseek2", (576, 512), True),
        ("gpt-oss", (64, 64), False),  # loses far too much
        ("phi2", (80, 80), False),  # llama.cpp: 80 is no multiple of the block of 32
        ("mamba", (None, None), False),
        ("llama", (0, 0), False),
    ],
)
def test_which_models_take_a_cache_in_fewer_bits(
    architecture: str, lengths: tuple[int | None, int | None], possible: bool
) -> None:
    assert takes_quantized_cache(architecture, *lengths) is possible


# Real models on real machines


@pytest.fixture(scope="module")
def staircases() -> dict[str, Staircase]:
    families = ("Qwen3", "gpt-oss", "Gemma 3")
    models = [model for model in read_catalogue() if model.family in families]
    return {each.model.id: each for each in staircases_of(models)}


def advice(staircases: dict[str, Staircase], id: str, machine: str, context: int) -> Choice:
    budget = budget_of(read_profile(MACHINES / f"{machine}.json"))
    return advised(staircases[id], staircases.values(), budget, context)


@pytest.mark.parametrize("machine", PROFILES)
@pytest.mark.parametrize("id", ["qwen3-8b", "qwen3-30b-a3b", "gemma-3-27b", "gpt-oss-20b"])
def test_every_alternative_is_a_gain_and_fits(
    staircases: dict[str, Staircase], id: str, machine: str
) -> None:
    for context in (4096, 40_960):
        found = advice(staircases, id, machine, context).recommendation
        for each in found.alternatives:
            assert each.step.fit.free_bytes >= 0
            assert each.reason.endswith(".")
            if each.model is None:
                changed = (each.settings.kv_type, each.settings.context_length)
                assert changed != ("f16", context)
                assert each.step.loss.perplexity_increase <= found.step.loss.perplexity_increase
                assert is_whole(each.step.fit) or not is_whole(found.step.fit)
            else:
                assert each.model.family == staircases[id].model.family
                assert each.step.bits_per_weight >= 4


def test_sinks_of_attention_never_get_a_quantized_cache(staircases: dict[str, Staircase]) -> None:
    for machine in PROFILES:
        found = advice(staircases, "gpt-oss-20b", machine, 131_072).recommendation
        assert all(each.settings.kv_type == "f16" for each in found.alternatives)


def test_a_smaller_model_is_compared_with_numbers_both_ways(staircases: dict[str, Staircase]) -> None:
    choice = advice(staircases, "qwen3-14b", "desktop-8gb-card", 8192)
    smaller = choice.recommendation.alternatives[-1]
    assert choice.recommendation.step.fit.verdict is Verdict.SPLIT
    assert smaller.model is not None
    assert smaller.model.id == "qwen3-8b"
    for name in ("Qwen3 8B in Q5_K_M", "Qwen3 14B in "):
        assert name in smaller.reason
    assert smaller.reason.count("perplexity +") == 2
    assert smaller.reason.count("tok/s") == 2
    assert smaller.reason.count(" GB") == 2


def test_where_there_is_room_the_next_larger_one_is_named(staircases: dict[str, Staircase]) -> None:
    (larger,) = advice(staircases, "qwen3-0.6b", "desktop-24gb-card", 8192).recommendation.alternatives
    assert larger.model is not None
    assert larger.model.id == "qwen3-1.7b"
    assert larger.reason.startswith("There is room for more parameters")


def test_the_largest_and_a_family_of_one_have_no_other_size(staircases: dict[str, Staircase]) -> None:
    choice = advice(staircases, "gemma-3-27b", "unified-pc-128gb", 4096)
    assert all(each.model is None for each in choice.recommendation.alternatives)
    alone = advised(
        staircases["qwen3-14b"],
        [staircases["qwen3-14b"]],
        budget_of(read_profile(MACHINES / "desktop-8gb-card.json")),
        8192,
    )
    assert all(each.model is None for each in alone.recommendation.alternatives)


# More bits where losses would hurt most


def test_what_is_split_gets_more_bits_where_losses_would_hurt_most() -> None:
    # Of 4 B parameters Q4_K_M costs about 0.037: a small loss, but not when half as much more is made of it.
    budget = replace(card(2.0), memory_bytes=16 * GB)
    steps = []
    for name, bits in BITS.items():
        weights = int(4 * GB * bits / 8)
        need = Need(32, weights, weights // 32, 0, 0, 0, GB // 4, weights, False)
        loss = expected_loss(name, bits, 4 * GB)
        steps.append(Step(name, weights, bits, need, fit(need, budget), loss))
    plain = recommend_step(steps, 8192, 4 * GB, ["chat"]).step
    assert plain.fit.verdict is Verdict.SPLIT
    for uses, context in ((["math"], 8192), (["multilingual"], 8192), (["chat"], 65_536)):
        sensitive = recommend_step(steps, context, 4 * GB, uses)
        assert sensitive.step.bits_per_weight > plain.bits_per_weight


def test_long_documents_are_warned_of() -> None:
    only = [step for step in steps_on(card(7.0), 0.1)(LoadSettings()) if step.quantization == "Q4_K_M"]
    assert "long documents" in recommend_step(only, 32_768, PARAMETERS).warning
    assert recommend_step(only, 8192, PARAMETERS).warning == ""
    both = recommend_step(only, 32_768, PARAMETERS, ["code", "math"]).warning
    assert "code, mathematics and long documents first" in both
