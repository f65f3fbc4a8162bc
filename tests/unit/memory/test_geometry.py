"""Geometry: what a header says of each layer, what is assumed where it is silent, and headers that lie."""

from __future__ import annotations

from typing import Any

import pytest

from app.gguf.header import MetadataValue, SkippedArray
from app.memory.geometry import Geometry, read_geometry
from app.recommend import read_catalogue
from tests.helpers.reservation import geometry_of

LLAMA: dict[str, Any] = {
    "block_count": 4,
    "embedding_length": 1024,
    "attention.head_count": 8,
    "attention.head_count_kv": 2,
    "vocab_size": 1000,
}


def header(architecture: str = "llama", **changes: Any) -> dict[str, MetadataValue]:
    """Four layers of 8 heads. Changes by key, with `__` for a dot; None removes."""
    numbers = LLAMA | {key.replace("__", "."): value for key, value in changes.items()}
    keys = {f"{architecture}.{key}": value for key, value in numbers.items() if value is not None}
    return {"general.architecture": architecture, **keys}


def geometry(architecture: str = "llama", **changes: Any) -> Geometry:
    found = read_geometry(header(architecture, **changes), None)
    assert found
    return found


def windowed(found: Geometry) -> list[int]:
    return [int(layer.windowed) for layer in found.layers]


def recurrent(found: Geometry) -> list[int]:
    return [int(layer.recurrent) for layer in found.layers]


def rotated(found: Geometry) -> list[int]:
    return [int(layer.rotated) for layer in found.layers]


def test_plain_header_tells_equal_layers() -> None:
    found = geometry()
    (layer,) = set(found.layers)
    assert len(found.layers) == 4
    assert (layer.heads, layer.kv_heads, layer.key_length, layer.value_length) == (8, 2, 128, 128)
    assert (layer.keys, layer.values) == (256, 256)
    assert layer.has_cache
    assert layer.rotated
    assert not any((layer.windowed, layer.recurrent, layer.scaled, layer.indexed))
    assert (found.embedding, found.vocabulary, found.window, found.positions) == (1024, 1000, 0, 1)
    assert (found.experts, found.state_space, found.indexer) == (None, None, None)


def test_heads_are_all_key_value_heads_where_the_header_is_silent() -> None:
    assert geometry(attention__head_count_kv=None).layers[0].kv_heads == 8


def test_lengths_of_keys_and_values_go_before_those_of_even_heads() -> None:
    layer = geometry(attention__key_length=192, attention__value_length=64).layers[0]
    assert (layer.keys, layer.values) == (2 * 192, 2 * 64)


def test_vocabulary_of_the_tokenizer_goes_before_the_number() -> None:
    found = read_geometry(header(), 777)
    assert found
    assert found.vocabulary == 777


def test_each_layer_has_its_own_number_where_there_is_a_list() -> None:
    found = geometry(attention__head_count_kv=(2, 0, 4, 8))
    assert [layer.kv_heads for layer in found.layers] == [2, 0, 4, 8]
    assert [layer.has_cache for layer in found.layers] == [True, False, True, True]


def test_layers_that_predict_further_tokens_do_not_run() -> None:
    assert len(geometry("glm4moe", nextn_predict_layers=1).layers) == 3
    assert len(geometry("glm4moe", nextn_predict_layers=4).layers) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"block_count": None},
        {"block_count": 0},
        {"block_count": -1},
        {"block_count": 513},
        {"block_count": 1 << 40},
        {"block_count": "4"},
        {"embedding_length": None},
        {"embedding_length": 0},
        {"embedding_length": 4.5},
        {"vocab_size": None},
        {"attention__head_count": None},
        {"attention__head_count": (8, 8)},
        {"attention__head_count": "8"},
        {"attention__head_count": SkippedArray("UINT32", 4)},
        {"attention__head_count": -8},
        {"attention__head_count": 1 << 40},
    ],
)
def test_header_without_a_number_that_all_depends_on_tells_nothing(changes: dict[str, Any]) -> None:
    assert read_geometry(header(**changes), None) is None


@pytest.mark.parametrize("architecture", [None, 7, ("llama",)])
def test_header_without_an_architecture_tells_nothing(architecture: Any) -> None:
    assert read_geometry({**header(), "general.architecture": architecture}, None) is None
    assert read_geometry({}, 1000) is None


@pytest.mark.parametrize("architecture", ["deepseek4", "kimi-k3", "rwkv7", "bert", "t5", "hy-v4"])
def test_architecture_whose_cache_or_graph_is_not_known_tells_nothing(architecture: str) -> None:
    assert read_geometry(header(architecture), None) is None


def test_numbers_that_make_no_sense_count_as_absent() -> None:
    found = geometry(
        attention__key_length=-1,
        attention__value_length=float("nan"),
        attention__head_count_kv=(2, 2),
        attention__sliding_window="yes",
        context_length=1 << 50,
    )
    assert (found.layers[0].key_length, found.layers[0].value_length) == (128, 128)
    assert found.layers[0].kv_heads == 8
    assert (found.window, found.context_length) == (0, 0)


def test_heads_that_do_not_divide_the_embedding_are_rounded_down() -> None:
    assert geometry(attention__head_count=7).layers[0].key_length == 1024 // 7
    assert geometry(attention__head_count=0).layers[0].key_length == 0


@pytest.mark.parametrize(
    ("architecture", "layers", "window", "expected"),
    [
        ("gemma2", 4, 4096, [1, 0, 1, 0]),
        ("gemma3", 8, 1024, [1, 1, 1, 1, 1, 0, 1, 1]),
        ("gpt-oss", 4, 128, [1, 0, 1, 0]),
        ("cohere2", 5, 4096, [1, 1, 1, 0, 1]),
        ("llama4", 5, 8192, [1, 1, 1, 0, 1]),
        ("olmo2", 4, 4096, [1, 1, 1, 0]),
        ("smallthinker", 5, 4096, [0, 1, 1, 1, 0]),
        ("phi3", 4, 0, [0, 0, 0, 0]),
        ("llama", 4, 0, [0, 0, 0, 0]),
    ],
)
def test_layers_with_a_window_follow_the_pattern_of_the_architecture(
    architecture: str, layers: int, window: int, expected: list[int]
) -> None:
    found = geometry(architecture, block_count=layers, attention__sliding_window=window or 2047)
    assert windowed(found) == expected
    assert found.window == window


def test_window_of_the_architecture_holds_where_the_header_has_none() -> None:
    assert geometry("gemma2").window == 4096
    assert geometry("gemma3").window == 0
    assert windowed(geometry("gemma3")) == [0, 0, 0, 0]


def test_window_of_llama_4_is_fixed_and_can_be_switched_off() -> None:
    assert geometry("llama4", attention__sliding_window=1000).window == 8192
    assert windowed(geometry("llama4", attention__sliding_window=0)) == [0, 0, 0, 0]


def test_only_the_model_of_64_layers_has_windows_in_exaone_4() -> None:
    assert geometry("exaone4", block_count=64).window == 4096
    assert geometry("exaone4", block_count=30, attention__sliding_window=4096).window == 0


def test_list_or_period_in_the_header_goes_before_the_pattern() -> None:
    listed = geometry(
        "gemma3", attention__sliding_window=512, attention__sliding_window_pattern=(True, False, False, True)
    )
    assert windowed(listed) == [1, 0, 0, 1]
    period = geometry("gemma3", attention__sliding_window=512, attention__sliding_window_pattern=3)
    assert windowed(period) == [1, 1, 0, 1]
    short = geometry("gemma3", attention__sliding_window=512, attention__sliding_window_pattern=(True,))
    assert windowed(short) == [0, 0, 0, 0]


def test_windowed_layers_can_have_heads_of_another_length() -> None:
    found = geometry(
        "gemma4",
        attention__sliding_window=512,
        attention__sliding_window_pattern=(True, False, True, False),
        attention__key_length=512,
        attention__value_length=512,
        attention__key_length_swa=256,
        attention__value_length_swa=256,
    )
    assert [layer.key_length for layer in found.layers] == [256, 512, 256, 512]
    assert [layer.value_length for layer in found.layers] == [256, 512, 256, 512]


def test_last_layers_of_gemma_4_use_the_cache_of_others() -> None:
    found = geometry("gemma4", attention__shared_kv_layers=3)
    assert [layer.has_cache for layer in found.layers] == [True, False, False, False]
    assert not any(layer.has_cache for layer in geometry("gemma4", attention__shared_kv_layers=9).layers)


@pytest.mark.parametrize(
    ("architecture", "changes", "expected"),
    [
        ("smollm3", {}, [1, 1, 1, 0]),
        ("cohere2", {"attention__sliding_window": 4096}, [1, 1, 1, 0]),
        ("llama4", {}, [1, 1, 1, 0]),
        ("nemotron_h", {}, [0, 0, 0, 0]),
        ("granitehybrid", {"rope__scaling__finetuned": False}, [0, 0, 0, 0]),
        ("granitehybrid", {"rope__scaling__finetuned": True}, [1, 1, 1, 1]),
        ("llama", {"rope__scaling__finetuned": False}, [1, 1, 1, 1]),
    ],
)
def test_layers_without_positions(architecture: str, changes: dict[str, Any], expected: list[int]) -> None:
    assert rotated(geometry(architecture, **changes)) == expected


@pytest.mark.parametrize(
    ("architecture", "changes", "expected"),
    [
        ("qwen3next", {}, [1, 1, 1, 0]),
        ("qwen35", {"full_attention_interval": 2}, [1, 0, 1, 0]),
        ("qwen35moe", {"attention__recurrent_layers": (False, True, True, False)}, [0, 1, 1, 0]),
        ("lfm2", {"attention__head_count_kv": (0, 2, 0, 2)}, [1, 0, 1, 0]),
        ("granitehybrid", {"attention__head_count_kv": (0, 0, 0, 2)}, [1, 1, 1, 0]),
        (
            "nemotron_h",
            {"attention__head_count_kv": (0, 0, 2, 0), "feed_forward_length": (0, 9, 0, 0)},
            [1, 0, 0, 1],
        ),
        ("mamba", {"attention__head_count": None}, [1, 1, 1, 1]),
        ("llama", {"attention__head_count_kv": (0, 2, 0, 2)}, [0, 0, 0, 0]),
    ],
)
def test_recurrent_layers(architecture: str, changes: dict[str, Any], expected: list[int]) -> None:
    found = geometry(architecture, **changes)
    assert recurrent(found) == expected
    assert not any(layer.recurrent and layer.has_cache for layer in found.layers)


def test_layers_of_falcon_h1_recur_and_attend() -> None:
    assert all(layer.recurrent and layer.has_cache for layer in geometry("falcon-h1").layers)


def test_queries_are_scaled_by_position_where_the_header_says_so() -> None:
    assert all(layer.scaled for layer in geometry("mistral3", attention__temperature_scale=0.1).layers)
    assert not any(layer.scaled for layer in geometry("mistral3", attention__temperature_scale=0.0).layers)
    assert [layer.scaled for layer in geometry("llama4").layers] == [False, False, False, True]


def test_experts_are_counted_and_their_shares_told() -> None:
    experts = geometry("qwen3moe", expert_count=128, expert_used_count=8).experts
    assert experts
    assert (experts.count, experts.used, experts.groups) == (128, 8, 1)
    assert (experts.softmax, experts.normalized, experts.scaled) == (False, True, False)
    kept = geometry("deepseek2", expert_count=64, expert_used_count=6, expert_weights_scale=1.0).experts
    assert kept
    assert (kept.normalized, kept.scaled) == (False, False)
    told = geometry(
        "deepseek2",
        expert_count=256,
        expert_used_count=8,
        expert_weights_norm=True,
        expert_weights_scale=2.5,
        expert_group_count=8,
        expert_group_used_count=4,
    ).experts
    assert told
    assert (told.normalized, told.scaled, told.groups, told.groups_used) == (True, True, 8, 4)


@pytest.mark.parametrize(("count", "used"), [(0, 0), (8, 0), (8, 9), (0, 2), (-8, 2), ("8", 2)])
def test_impossible_experts_are_none(count: Any, used: int) -> None:
    assert geometry(expert_count=count, expert_used_count=used).experts is None


@pytest.mark.parametrize(("groups", "used"), [(3, 1), (8, 0), (8, 8), (1, 1)])
def test_groups_that_do_not_divide_the_experts_or_leave_none_out_are_one(groups: int, used: int) -> None:
    experts = geometry(
        expert_count=64, expert_used_count=8, expert_group_count=groups, expert_group_used_count=used
    ).experts
    assert experts
    assert (experts.groups, experts.groups_used) == (1, 1)


def test_every_model_of_the_catalogue_has_a_geometry_but_for_two_architectures() -> None:
    without = {model.architecture for model in read_catalogue() if not geometry_of(model)}
    assert without == {"deepseek4", "kimi-k3"}


@pytest.mark.parametrize(
    ("name", "layers"),
    [("glm-4.5-air", 46), ("deepseek-v3", 61), ("qwen3.5-9b", 32), ("llama-3.1-405b", 126), ("glm-5", 78)],
)
def test_number_of_layers_that_run_is_that_of_the_models_report(name: str, layers: int) -> None:
    (model,) = (model for model in read_catalogue() if model.id == name)
    found = geometry_of(model)
    assert found
    assert len(found.layers) == layers
