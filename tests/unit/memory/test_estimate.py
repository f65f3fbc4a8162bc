"""What a model takes in memory, by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.gguf import ModelFacts, read_facts
from app.hardware import Accelerator
from app.memory import default_context_length, estimate
from app.runtime import LoadSettings
from tests.helpers.raw_gguf import F16, STRING, UINT32, RawGguf

GB = 10**9


def facts_of(path: Path, **numbers: int) -> ModelFacts:
    """A header with these `llama.*` numbers and one matrix of 1,024 x 1,024 in F16."""
    raw = RawGguf().key("general.architecture", STRING, "llama")
    for key, number in numbers.items():
        raw.key(f"llama.{key.replace('__', '.')}", UINT32, number)
    raw.tensor("token_embd.weight", (1024, 1024), F16, data_bytes=1024 * 1024 * 2)
    path.write_bytes(raw.to_bytes())
    return read_facts(path)


def loaded_with(context: int, **changes: Any) -> LoadSettings:
    return LoadSettings(context_length=context, **changes)


@pytest.fixture
def llama_3_8b(tmp_path: Path) -> ModelFacts:
    """The geometry of Llama 3 8B: 32 layers, 8 heads of keys and values, 128 elements each."""
    return facts_of(
        tmp_path / "llama-3-8b.gguf",
        block_count=32,
        context_length=8192,
        embedding_length=4096,
        feed_forward_length=14336,
        vocab_size=128_256,
        attention__head_count=32,
        attention__head_count_kv=8,
    )


@pytest.mark.parametrize(
    ("context", "cells"), [(256, 256), (4096, 4096), (131_072, 131_072), (1, 256), (4097, 4352)]
)
def test_kv_cache_of_llama_3_8b_takes_131072_bytes_for_each_token_of_the_padded_context(
    llama_3_8b: ModelFacts, context: int, cells: int
) -> None:
    assert 32 * 8 * (128 + 128) * 2 == 131_072
    need = estimate(llama_3_8b, loaded_with(context))
    assert need.kv_bytes == 131_072 * cells
    assert need.context_length == cells
    assert need.basis == "formula"


@pytest.mark.parametrize(("kv_type", "share"), [("q8_0", 34 / 64), ("q4_0", 18 / 64)])
def test_quantized_cache_takes_its_share_of_sixteen_bits(
    llama_3_8b: ModelFacts, kv_type: str, share: float
) -> None:
    assert estimate(llama_3_8b, loaded_with(4096, kv_type=kv_type)).kv_bytes == 131_072 * 4096 * share


def test_kv_cache_with_keys_and_values_of_different_length_counts_both(tmp_path: Path) -> None:
    facts = facts_of(
        tmp_path / "mixed.gguf",
        block_count=10,
        embedding_length=1024,
        vocab_size=1024,
        attention__head_count=8,
        attention__head_count_kv=2,
        attention__key_length=192,
        attention__value_length=128,
    )
    assert estimate(facts, loaded_with(1024)).kv_bytes == 10 * 1024 * 2 * (192 + 128) * 2


def test_header_without_numbers_counts_its_weights_and_says_that_the_rest_is_a_guess(tmp_path: Path) -> None:
    need = estimate(facts_of(tmp_path / "bare.gguf"), loaded_with(4096))
    assert need.basis == "guess"
    assert need.weights_bytes == 1024 * 1024 * 2
    assert need.kv_bytes == 0
    assert need.compute_bytes > 0
    assert need.notes == (
        "The architecture 'llama' is not known to the memory formula: cache and working space are a guess.",
    )


def test_estimate_adds_up_weights_cache_and_working_space(llama_3_8b: ModelFacts) -> None:
    need = estimate(llama_3_8b, loaded_with(4096))
    assert need.weights_bytes == 1024 * 1024 * 2
    assert need.compute_bytes > 0
    assert need.total_bytes == need.weights_bytes + need.kv_bytes + need.compute_bytes
    assert [device.name for device in need.devices] == ["CPU"]


def test_scores_without_flash_attention_are_as_large_as_context_heads_and_batch_make_them(
    llama_3_8b: ModelFacts,
) -> None:
    with_it = estimate(llama_3_8b, loaded_with(32_768)).compute_bytes
    without = estimate(llama_3_8b, loaded_with(32_768, flash_attention="off")).compute_bytes
    assert without - with_it > 32_768 * 512 * 32 * 4 * 0.9


def test_more_layers_than_the_model_has_count_as_all_and_a_note_says_so(llama_3_8b: ModelFacts) -> None:
    card = [Accelerator("CUDA0", "CUDA", 24 * GB, 24 * GB)]
    need = estimate(llama_3_8b, loaded_with(4096, gpu_layers=99), card)
    assert need.gpu_layers == 33
    assert need.notes == ("The model has 33 layers with its output; 99 cannot be offloaded.",)
    assert need.devices == estimate(llama_3_8b, loaded_with(4096), card).devices


def test_offloaded_layers_take_their_cache_along(llama_3_8b: ModelFacts) -> None:
    card = [Accelerator("CUDA0", "CUDA", 24 * GB, 24 * GB)]
    # The output is the first to go, so 9 of 33 are eight layers.
    memory, gpu = estimate(llama_3_8b, loaded_with(4096, gpu_layers=9), card).devices
    assert gpu.name == "CUDA0"
    assert gpu.kv_bytes == 131_072 * 4096 * 8 // 32
    assert memory.kv_bytes == 131_072 * 4096 * 24 // 32


@pytest.mark.parametrize(("trained_for", "expected"), [(131_072, 4096), (4096, 4096), (2048, 2048)])
def test_default_context_is_4096_or_what_the_model_was_trained_for(
    tmp_path: Path, trained_for: int, expected: int
) -> None:
    facts = facts_of(tmp_path / "m.gguf", context_length=trained_for)
    assert default_context_length(facts) == expected


def test_default_context_of_header_that_does_not_say_is_4096(tmp_path: Path) -> None:
    assert default_context_length(facts_of(tmp_path / "m.gguf")) == 4096
