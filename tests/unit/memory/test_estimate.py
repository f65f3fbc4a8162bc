"""What a model takes in memory, by hand; and the sentence when it does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import TooLittleMemory
from app.gguf import ModelFacts, read_facts
from app.memory import default_context_length, estimate, require_memory
from tests.helpers.raw_gguf import F16, STRING, UINT32, RawGguf
from tests.helpers.tiny_gguf import write_tiny_model

GB = 10**9


def facts_of(path: Path, **numbers: int) -> ModelFacts:
    """A header with these `llama.*` numbers and one matrix of 1,024 x 1,024 in F16."""
    raw = RawGguf().key("general.architecture", STRING, "llama")
    for key, number in numbers.items():
        raw.key(f"llama.{key.replace('__', '.')}", UINT32, number)
    raw.tensor("token_embd.weight", (1024, 1024), F16, data_bytes=1024 * 1024 * 2)
    path.write_bytes(raw.to_bytes())
    return read_facts(path)


@pytest.fixture
def llama_3_8b(tmp_path: Path) -> ModelFacts:
    """The geometry of Llama 3 8B: 32 layers, 8 heads of keys and values, 128 elements each."""
    return facts_of(
        tmp_path / "llama-3-8b.gguf",
        block_count=32,
        context_length=8192,
        embedding_length=4096,
        attention__head_count=32,
        attention__head_count_kv=8,
    )


@pytest.mark.parametrize("context", [1, 4096, 131_072])
def test_kv_cache_of_llama_3_8b_takes_131072_bytes_for_each_token(
    llama_3_8b: ModelFacts, context: int
) -> None:
    assert 32 * 8 * (128 + 128) * 2 == 131_072
    assert estimate(llama_3_8b, context).kv_bytes == 131_072 * context


def test_kv_cache_with_keys_and_values_of_different_length_counts_both(tmp_path: Path) -> None:
    facts = facts_of(
        tmp_path / "mixed.gguf",
        block_count=10,
        embedding_length=1024,
        attention__head_count=8,
        attention__head_count_kv=2,
        attention__key_length=192,
        attention__value_length=128,
    )
    assert estimate(facts, 1000).kv_bytes == 10 * 1000 * 2 * (192 + 128) * 2


def test_kv_cache_of_header_without_numbers_counts_as_nothing(tmp_path: Path) -> None:
    assert estimate(facts_of(tmp_path / "bare.gguf"), 4096).kv_bytes == 0


def test_estimate_adds_up_weights_cache_and_working_space(llama_3_8b: ModelFacts) -> None:
    need = estimate(llama_3_8b, 4096)
    assert need.weights_bytes == 1024 * 1024 * 2
    assert need.compute_bytes > 0
    assert need.total_bytes == need.weights_bytes + need.kv_bytes + need.compute_bytes


@pytest.mark.parametrize(("trained_for", "expected"), [(131_072, 4096), (4096, 4096), (2048, 2048)])
def test_default_context_is_4096_or_what_the_model_was_trained_for(
    tmp_path: Path, trained_for: int, expected: int
) -> None:
    facts = facts_of(tmp_path / "m.gguf", context_length=trained_for)
    assert default_context_length(facts) == expected


def test_default_context_of_header_that_does_not_say_is_4096(tmp_path: Path) -> None:
    assert default_context_length(facts_of(tmp_path / "m.gguf")) == 4096


def test_model_that_just_fits_is_let_through_and_one_byte_less_is_not(llama_3_8b: ModelFacts) -> None:
    need = estimate(llama_3_8b, 4096).total_bytes
    require_memory([(llama_3_8b, 4096)], need)
    with pytest.raises(TooLittleMemory):
        require_memory([(llama_3_8b, 4096)], need - 1)


def test_refusal_of_one_model_tells_both_numbers_the_context_and_what_to_do(llama_3_8b: ModelFacts) -> None:
    # 131,072 bytes x 131,072 tokens = 17.18 GB, and 0.3 GB of weights and working space.
    with pytest.raises(TooLittleMemory) as caught:
        require_memory([(llama_3_8b, 131_072)], 4 * GB)
    message = caught.value.message
    assert message.startswith("llama-3-8b needs about 17.5 GB")
    assert "131072 tokens" in message
    assert "4.00 GB are free" in message
    assert "smaller quantization" in caught.value.hint


def test_refusal_of_several_models_counts_them_together(llama_3_8b: ModelFacts, tmp_path: Path) -> None:
    other = read_facts(write_tiny_model(tmp_path / "tiny.gguf"))
    both = [(llama_3_8b, 4096), (other, 512)]
    together = sum(estimate(facts, context).total_bytes for facts, context in both)
    require_memory(both, together)
    with pytest.raises(
        TooLittleMemory, match=r"These 2 models need about 1\.1[0-9] GB .* together; 900 MB are free"
    ):
        require_memory(both, 900_000_000)


def test_no_model_needs_no_memory() -> None:
    require_memory([], 0)
