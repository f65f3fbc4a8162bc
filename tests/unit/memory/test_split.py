"""Which device computes what, and what it needs for that: by hand, and as llama.cpp reserved it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from app.gguf import read_facts
from app.hardware import Accelerator
from app.memory import estimate
from app.memory.compute.allocator import Graph, Outside, Tensor, result
from app.memory.compute.backends import Backend
from app.memory.compute.split import split_bytes
from app.recommend import read_catalogue
from app.runtime import LoadSettings
from tests.helpers.reservation import write_catalogue_ghost
from tests.helpers.split_reservation import SPLITS, split_by_formula

RECORD: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[2] / "data" / "memory" / "split.toml").read_text(encoding="utf-8")
)
MODELS = {model.id: model for model in read_catalogue()}
NEAR = 0.0005
"""Biases and the like are left out of the graph: of small ones that are copied, a few hundred bytes."""

CARD = Backend(alignment=64, takes_over_from=0)
EAGER = Backend(alignment=64, takes_over_from=32)


def weight(size: int, device: int, rows: int = 512) -> Outside:
    return Outside(size, device, "weight", rows)


def made(size: int, *sources: Tensor, of: Outside | None = None) -> Tensor:
    tensor = result(size, *sources)
    tensor.outside = (of,) if of else ()
    return tensor


def given(size: int) -> Tensor:
    tensor = Tensor(size, given=True)
    tensor.device = 0
    return tensor


def split(last: Tensor, *backends: Backend, pipelined: bool = False) -> list[int]:
    graph = Graph()
    graph.compute(last)
    return split_bytes(graph, backends, pipelined=pipelined)


def test_a_result_is_computed_where_its_weight_is_from_a_copy_of_what_is_elsewhere() -> None:
    on_processor = made(128, given(64), of=weight(1000, 0))
    assert split(made(256, on_processor, of=weight(1000, 1)), CARD) == [64 + 128, 128 + 256]


def test_what_is_between_two_devices_goes_with_the_accelerator() -> None:
    first = made(128, given(64), of=weight(1000, 0))
    between = made(512, first)
    # The sum of both is on the card, too, and has the place of the first one's copy at its end.
    assert split(made(64, between, of=weight(1000, 1)), CARD) == [64 + 128, 128 + 512]


def test_long_batches_bring_their_weights_to_the_card_and_short_ones_stay() -> None:
    long = made(128, given(64), of=weight(1024, 0, rows=32))
    assert split(long, EAGER) == [64, 1024 + 64 + 128]
    short = made(128, given(64), of=weight(1024, 0, rows=31))
    assert split(short, EAGER) == [64 + 128, 0]


def test_each_weight_that_is_brought_begins_a_split_in_the_place_of_the_last_one() -> None:
    first = made(64, given(64), of=weight(1024, 0))
    # In the first: the weight, the input's copy and the result; then the weight's place is free again.
    assert split(made(64, first, of=weight(1024, 0)), EAGER) == [64, 1024 + 64 + 64]


def test_of_several_cards_the_first_that_takes_over_does() -> None:
    last = made(128, given(64), of=weight(1024, 0))
    assert split(last, CARD, EAGER) == [64, 0, 1024 + 64 + 128]


def test_pipeline_keeps_four_copies_of_inputs_and_of_what_is_passed_on() -> None:
    first = made(128, given(64), of=weight(1000, 1))
    last = made(256, first, of=weight(1000, 2))
    assert split(last, CARD, CARD, pipelined=True) == [4 * 64, 4 * 64 + 128, 4 * 128 + 256]


def test_places_on_a_card_begin_at_multiples_of_its_alignment() -> None:
    last = made(64, made(64, given(64), of=weight(1000, 1)), of=weight(1000, 1))
    wide = Backend(alignment=256, takes_over_from=0)
    assert split(last, wide) == [64, 2 * 256]


def test_cache_in_fewer_bits_is_widened_where_the_card_needs_that() -> None:
    cache = Outside(100, 1, "cache", widened_bytes=640)
    attended = made(128, made(128, given(64), of=weight(1000, 1)), of=cache)
    plain = split(attended, CARD)
    attended = made(128, made(128, given(64), of=weight(1000, 1)), of=cache)
    wide = split(attended, Backend(alignment=64, takes_over_from=0, widens_caches=True))
    assert wide[1] - plain[1] >= 640 - 64


@pytest.mark.parametrize("model_id", RECORD)
def test_formula_says_what_llama_cpp_reserved_on_each_device(model_id: str, tmp_path: Path) -> None:
    facts = read_facts(write_catalogue_ghost(MODELS[model_id], tmp_path))
    assert len(RECORD[model_id]) == len(SPLITS)
    for asked, theirs in zip(SPLITS, RECORD[model_id], strict=True):
        assert split_by_formula(facts, asked) == pytest.approx(theirs, rel=NEAR), asked


def test_card_without_layers_still_computes_long_prompts(tmp_path: Path) -> None:
    # A log of Qwen3-235B with "offloaded 0/95 layers" has a CUDA0 compute buffer of 742 MiB.
    facts = read_facts(write_catalogue_ghost(MODELS["llama-3.2-1b"], tmp_path))
    card = Accelerator("card", "CUDA", 8 << 30, 8 << 30)
    told = estimate(facts, LoadSettings(gpu_layers=0), [card])
    assert [each.name for each in told.devices] == ["CPU", "card"]
    assert told.devices[1].weights_bytes == told.devices[1].kv_bytes == 0
    assert told.devices[1].compute_bytes > 10_000_000
