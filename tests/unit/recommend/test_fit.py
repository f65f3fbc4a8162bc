"""Verdicts and recommendations on hand-made sizes, where the arithmetic can be done in the head."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.recommend.budget import Budget
from app.recommend.choose import Step, recommend_step
from app.recommend.fit import Fit, Verdict, fit, fit_with
from app.recommend.loss import expected_loss
from app.recommend.need import Need

GB = 1_000_000_000

CARD = Budget(8 * GB, 24 * GB, 300e9, 60e9, is_shared=False)
NO_CARD = Budget(0, 12 * GB, 200e9, 60e9, is_shared=False)
MAC = Budget(11 * GB, 12 * GB, 120e9, 120e9, is_shared=True)


def need(layer_gb: float, *, kv_gb: float = 0.5, output_gb: float = 0.5) -> Need:
    """32 layers, an embedding as large as the output, and 0.25 GB of working space."""
    layer = int(layer_gb * GB)
    output = int(output_gb * GB)
    return Need(
        layers=32,
        weights_bytes=32 * layer + 2 * output,
        layer_bytes=layer,
        output_bytes=output,
        embedding_bytes=output,
        kv_bytes=int(kv_gb * GB),
        compute_bytes=GB // 4,
        read_bytes=32 * layer + output,
        is_guess=False,
    )


def test_all_that_fits_goes_to_the_card_with_its_cache() -> None:
    placed = fit(need(0.125), CARD)
    assert placed.verdict is Verdict.FITS
    assert placed.gpu_layers == 33
    # 32 x 0.125 + 0.5 output + 0.5 cache + 0.25 working space; the embedding stays in main memory
    assert placed.accelerator_bytes == int(5.25 * GB)
    assert placed.memory_bytes == GB // 2
    assert placed.free_bytes == int(2.75 * GB)


def test_what_leaves_hardly_anything_is_tight() -> None:
    assert fit(need(0.206), CARD).verdict is Verdict.TIGHT


def test_what_does_not_fit_is_split_by_whole_layers() -> None:
    placed = fit(need(0.5, kv_gb=0.0), CARD)
    assert placed.verdict is Verdict.SPLIT
    # 8 - 0.25 - 0.5 GB leave room for 14 layers, and the output is one more.
    assert placed.gpu_layers == 15
    assert placed.memory_bytes == 18 * GB // 2 + GB // 2
    assert placed.accelerator_bytes <= CARD.accelerator_bytes


def test_a_split_never_takes_more_than_there_is() -> None:
    for size in range(1, 200):
        placed = fit(need(size / 100), CARD)
        if placed.verdict is Verdict.TOO_BIG:
            break
        assert placed.accelerator_bytes <= CARD.accelerator_bytes
        assert placed.memory_bytes <= CARD.memory_bytes
    else:
        pytest.fail("nothing was too big")


def test_without_a_card_the_processor_has_it() -> None:
    placed = fit(need(0.125), NO_CARD)
    assert placed.verdict is Verdict.PROCESSOR
    assert placed.gpu_layers == 0
    assert placed.accelerator_bytes == 0
    assert placed.memory_bytes == int(5.75 * GB)


def test_slower_than_reading_is_slow() -> None:
    assert fit(need(0.3), replace(NO_CARD, memory_bytes_per_s=20e9)).verdict is Verdict.SLOW


def test_too_big_says_how_much_is_missing() -> None:
    placed = fit(need(1.0), NO_CARD)
    assert placed.verdict is Verdict.TOO_BIG
    assert placed.free_bytes == 12 * GB - int(33.75 * GB)


def test_unified_memory_is_not_counted_twice() -> None:
    # 10.75 GB would go to the GPU and 2 GB of embedding beside it: more than the 12 GB there are.
    assert fit(need(0.25, output_gb=2.0), MAC).verdict is not Verdict.FITS
    assert fit(need(0.25, output_gb=0.5), MAC).verdict is Verdict.FITS


def test_speed_is_what_is_read_over_how_fast_it_can_be() -> None:
    placed = fit(need(0.125, kv_gb=0.0), CARD)
    seconds = 4.5 * GB / (300e9 * 0.86) + 32 * 60e-6
    assert placed.speed.middle == pytest.approx(1 / seconds)
    assert placed.speed.low < placed.speed.middle < placed.speed.high


def step(quantization: str, bits: float, placed: Fit, parameters: int = 8 * GB) -> Step:
    return Step(
        quantization,
        int(parameters * bits / 8),
        bits,
        need(bits / 8 * parameters / 32 / GB),
        placed,
        expected_loss(quantization, bits, parameters),
    )


BITS = {"Q8_0": 8.5, "Q6_K": 6.57, "Q5_K_M": 5.7, "Q4_K_M": 4.9, "Q3_K_M": 4.0, "Q2_K": 3.17}


def staircase(budget: Budget, parameters: int = 8 * GB) -> list[Step]:
    return [
        step(name, bits, fit(need(bits / 8 * parameters / 32 / GB), budget), parameters)
        for name, bits in BITS.items()
    ]


def test_the_best_that_fits_with_room_is_recommended_and_the_next_one_explained() -> None:
    chosen = recommend_step(staircase(CARD), 8192, 8 * GB)
    assert chosen.step.quantization == "Q5_K_M"
    assert chosen.reason.startswith("Q5_K_M leaves ")
    assert "at 8k context." in chosen.reason
    assert "Q6_K would" in chosen.reason
    assert chosen.warning == ""


def test_of_two_that_are_as_good_as_the_original_the_smaller_one() -> None:
    wide = replace(CARD, accelerator_bytes=80 * GB)
    bits = {"F16": 16.0, "Q8_0": 8.5, "Q4_K_M": 4.9}
    steps = [step(name, b, fit(need(b / 32), wide)) for name, b in bits.items()]
    assert recommend_step(steps, 4096, 8 * GB).step.quantization == "Q8_0"


def test_rather_in_memory_than_with_heavy_losses() -> None:
    # Of 70 B parameters only Q2_K would nearly fit a card of 24 GB.
    large = Budget(24 * GB, 62 * GB, 900e9, 80e9, is_shared=False)
    chosen = recommend_step(staircase(large, 70 * GB), 4096, 70 * GB)
    assert chosen.step.quantization in ("Q4_K_M", "Q3_K_M")
    assert chosen.step.fit.verdict in (Verdict.SPLIT, Verdict.SLOW)


def test_few_bits_are_warned_of_and_more_so_in_small_models() -> None:
    tight = replace(CARD, accelerator_bytes=0, memory_bytes=3 * GB)
    small = recommend_step(staircase(tight, 3 * GB), 4096, 3 * GB)
    assert "Prefer a smaller model" in small.warning or small.step.bits_per_weight >= 4
    only = [each for each in staircase(CARD) if each.quantization == "Q2_K"]
    assert "fewer than four bits" in recommend_step(only, 4096, 8 * GB).warning


def test_code_asks_for_more_bits() -> None:
    only = [each for each in staircase(CARD) if each.quantization == "Q4_K_M"]
    assert "code" in recommend_step(only, 4096, 8 * GB, ["chat", "code"]).warning
    assert recommend_step(only, 4096, 8 * GB, ["chat"]).warning == ""


def test_a_model_that_fits_nowhere_is_told_so() -> None:
    none = replace(NO_CARD, memory_bytes=GB)
    chosen = recommend_step(staircase(none), 4096, 8 * GB)
    assert chosen.step.fit.verdict is Verdict.TOO_BIG
    assert chosen.step.quantization == "Q2_K"
    assert "more memory than is free" in chosen.reason


def mixture(expert_gb: float, rest_gb: float) -> Need:
    """32 layers of each so many experts, of which an eighth sees a token, 0.5 GB of output and embedding each."""
    experts, rest = int(32 * expert_gb * GB), int(32 * rest_gb * GB)
    plain = need(expert_gb + rest_gb, kv_gb=1.0)
    return replace(
        plain,
        read_bytes=rest + experts // 8 + plain.output_bytes,
        expert_layers=32,
        expert_bytes=experts,
        expert_read_bytes=experts // 8,
    )


def test_experts_stay_in_memory_where_that_is_faster_than_whole_layers() -> None:
    # 16 GB of experts, 3.2 of all else, 1 of cache, 0.5 of output and 0.25 to compute in on a card of 8, to which one
    # of the three tensors of experts of a layer is copied for long prompts: 13.12 GB too much, 27 layers of experts.
    placed = fit(mixture(0.5, 0.1), CARD)
    assert placed.expert_layers_in_memory == 27
    assert placed.verdict is Verdict.SPLIT
    assert placed.gpu_layers == 33
    assert placed.accelerator_bytes == pytest.approx((2.5 + 3.2 + 1 + 0.5 + 0.25 + 0.5 / 3) * GB, rel=1e-6)
    assert placed.memory_bytes == pytest.approx((13.5 + 0.5) * GB, rel=1e-6)
    assert placed.free_bytes == CARD.memory_bytes - placed.memory_bytes
    # The card reads 3.2 + 0.5 GB, a quarter of the cache and an eighth of its experts, the processor one of the others.
    on_card = (3.2 + 0.5 + 0.25 + 2.5 / 8) * GB / (300e9 * 0.86) + 32 * (60e-6 + 55e-6)
    assert placed.speed.middle == pytest.approx(1 / (on_card + 13.5 / 8 * GB / (60e9 * 0.7)))


def test_experts_of_as_few_layers_as_will_do_stay_in_memory() -> None:
    # 8 GB of experts and 2.07 of all else: 2.15 too much with a copy, 9 layers of 0.25.
    model = mixture(0.25, 0.01)
    placed = fit(model, CARD)
    assert placed.expert_layers_in_memory == 9
    assert fit_with(model, CARD, 33, expert_layers_in_memory=9).verdict is Verdict.SPLIT
    assert fit_with(model, CARD, 33, expert_layers_in_memory=8).verdict is Verdict.TOO_BIG
    more = fit_with(model, CARD, 33, expert_layers_in_memory=20)
    assert more.speed.middle < placed.speed.middle


def test_first_layers_without_experts_count_as_those_whose_experts_stay() -> None:
    # As llama.cpp counts them: 3 layers have none, and 9 of those after them leave theirs in memory.
    model = replace(mixture(0.25, 0.01), expert_layers=29, expert_bytes=int(29 * 0.25 * GB))
    placed = fit(model, CARD)
    assert placed.expert_layers_in_memory == 3 + 9
    assert model.expert_layers_apart(33, 12) == 9
    assert model.expert_layers_apart(33, 3) == 0
    # Of 10 layers on the card, the 23rd to the 32nd, the first 25 take 3.
    assert model.expert_layers_apart(11, 25) == 3


def test_whole_layers_are_pushed_where_that_is_faster() -> None:
    # Little is read for a token, and what a layer of experts takes on the card is saved with the layer.
    small = replace(CARD, accelerator_bytes=int(0.9 * GB))
    placed = fit(replace(mixture(0.001, 0.0001), kv_bytes=GB // 4), small)
    assert placed.verdict is Verdict.SPLIT
    assert not placed.experts_in_memory


def test_experts_are_not_moved_where_they_fit_or_where_memory_is_shared() -> None:
    assert not fit(mixture(0.1, 0.05), CARD).experts_in_memory
    assert not fit(mixture(0.5, 0.1), replace(CARD, is_shared=True)).experts_in_memory
    assert not fit(mixture(0.5, 0.1), replace(NO_CARD, memory_bytes=40 * GB)).experts_in_memory
    assert fit(mixture(2.0, 0.1), CARD).verdict is Verdict.TOO_BIG


def test_the_reason_tells_of_experts_in_memory() -> None:
    only = replace(step("Q4_K_M", 4.9, fit(mixture(0.5, 0.1), CARD)), need=mixture(0.5, 0.1))
    reason = recommend_step([only], 4096, 8 * GB).reason
    assert reason == "Q4_K_M has all layers on the GPU, but the experts of 27 of them in memory (13.5 GB)."


def test_layers_that_a_person_put_on_the_card_are_told_with_what_is_missing_there() -> None:
    model = need(0.5, kv_gb=0.0)
    assert fit_with(model, CARD, 15) == fit(model, CARD)
    # 32 x 0.5 + 0.5 output + 0.25 working space on a card of 8 GB
    whole = fit_with(model, CARD, 1000)
    assert (whole.gpu_layers, whole.verdict, whole.free_bytes) == (33, Verdict.TOO_BIG, -int(8.75 * GB))
    none = fit_with(model, CARD, 0)
    # 16.5 GB for each token at 60 GB/s
    assert (none.verdict, none.accelerator_bytes) == (Verdict.SLOW, 0)
    assert none.memory_bytes == int(17.25 * GB)


def test_whole_model_that_a_person_put_on_the_card_is_told_as_if_it_had_been_recommended() -> None:
    assert fit_with(need(0.125), CARD, 33) == fit(need(0.125), CARD)
    assert fit_with(need(0.125), MAC, 33).verdict is Verdict.FITS


def test_experts_that_a_person_leaves_in_memory_are_not_on_the_card() -> None:
    mixture = replace(need(0.5), expert_layers=32, expert_bytes=12 * GB, expert_read_bytes=GB)
    placed = fit_with(mixture, CARD, 33, expert_layers_in_memory=-1)
    # 16 + 0.5 output + 0.5 cache + 0.25 working space, without 12 of experts
    assert placed.accelerator_bytes == int(5.25 * GB)
    assert placed.memory_bytes == int(12.5 * GB)
    assert placed.verdict is Verdict.SPLIT
    assert placed.experts_in_memory
