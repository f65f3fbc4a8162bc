"""KV cache and recurrent state, by hand, from what models' reports say of them."""

from __future__ import annotations

from typing import Any

import pytest

from app.memory.geometry import Geometry
from app.memory.kv_cache import CacheBytes, cells, layer_cache, padded, row_bytes
from app.recommend import read_catalogue
from tests.helpers.reservation import geometry_of

KIB = 1024
F32 = 4


def geometry(name: str) -> Geometry:
    (model,) = (model for model in read_catalogue() if model.id == name)
    found = geometry_of(model)
    assert found
    return found


def caches(name: str, **changes: Any) -> list[CacheBytes]:
    """Of each layer, with 4,096 tokens in F16 unless changed."""
    told = geometry(name)
    chosen: dict[str, Any] = {
        "context": 4096,
        "kv_type": "f16",
        "ubatch": 512,
        "sequences": 1,
        "flash_attention": True,
        **changes,
    }
    return [layer_cache(told, layer, **chosen) for layer in told.layers]


def kv_bytes(name: str, **changes: Any) -> int:
    return sum(cache.kv_bytes for cache in caches(name, **changes))


def state_bytes(name: str, **changes: Any) -> int:
    return sum(cache.state_bytes for cache in caches(name, **changes))


@pytest.mark.parametrize(
    ("name", "layers", "heads", "length", "kib"),
    [
        ("llama-3.1-8b", 32, 8, 128, 128),
        ("llama-3.1-70b", 80, 8, 128, 320),
        ("qwen3-8b", 36, 8, 128, 144),
        ("qwen2.5-0.5b", 24, 2, 64, 12),
        ("mistral-nemo-12b", 40, 8, 128, 160),
    ],
)
def test_token_takes_keys_and_values_of_all_layers_in_sixteen_bits(
    name: str, layers: int, heads: int, length: int, kib: int
) -> None:
    assert layers * heads * (length + length) * 2 == kib * KIB
    assert kv_bytes(name) == kib * KIB * 4096


@pytest.mark.parametrize(("kv_type", "bytes_of_32"), [("f16", 64), ("q8_0", 34), ("q4_0", 18)])
def test_quantized_rows_take_their_blocks_of_32(kv_type: Any, bytes_of_32: int) -> None:
    assert kv_bytes("llama-3.1-8b", kv_type=kv_type) == 32 * 8 * 256 // 32 * bytes_of_32 * 4096
    assert row_bytes(32, kv_type) == bytes_of_32


def test_row_that_ends_inside_a_block_takes_all_of_it() -> None:
    assert row_bytes(33, "q8_0") == 2 * 34
    assert row_bytes(0, "q8_0") == 0


def test_values_are_not_quantized_without_flash_attention() -> None:
    assert kv_bytes("llama-3.1-8b", kv_type="q8_0", flash_attention=False) == (
        32 * 8 * 128 * 4096 // 32 * (34 + 64)
    )


def test_contexts_are_rounded_up_to_256_tokens() -> None:
    assert [padded(tokens) for tokens in (1, 256, 257, 131_072)] == [256, 256, 512, 131_072]
    assert kv_bytes("llama-3.1-8b", context=1) == kv_bytes("llama-3.1-8b", context=256)
    assert kv_bytes("llama-3.1-8b", context=5000) == 128 * KIB * 5120


@pytest.mark.parametrize(
    ("context", "ubatch", "expected"),
    [(32_768, 512, 4608), (32_768, 100, 4352), (32_768, 2048, 6144), (4096, 512, 4096), (4500, 512, 4608)],
)
def test_window_of_4096_tokens_takes_itself_and_one_batch(context: int, ubatch: int, expected: int) -> None:
    gemma = geometry("gemma-2-9b")
    assert gemma.window == 4096
    assert cells(gemma, context, ubatch, windowed=True, whole_window=False) == expected


def test_batch_that_is_longer_than_the_context_is_as_long() -> None:
    gemma = geometry("gemma-3-1b")
    assert gemma.window == 512
    assert cells(gemma, 600, 4096, windowed=True, whole_window=False) == padded(600)
    assert cells(gemma, 2000, 4096, windowed=True, whole_window=False) == padded(2000)


def test_whole_window_keeps_all_tokens() -> None:
    gemma = geometry("gemma-2-9b")
    assert cells(gemma, 32_768, 512, windowed=True, whole_window=True) == 32_768
    assert kv_bytes("gemma-2-9b", context=32_768, whole_window=True) == 42 * 8 * 512 * 2 * 32_768


def test_windowed_layers_of_gemma_3_keep_only_their_window() -> None:
    """Gemma Team, "Gemma 3 Technical Report" (2025): five layers with 1,024 tokens for each that sees all."""
    whole, windowed = 48 // 6, 48 // 6 * 5
    row = 8 * (256 + 256) * 2
    assert kv_bytes("gemma-3-12b", context=131_072) == row * (whole * 131_072 + windowed * (1024 + 512))


def test_sequences_share_the_context() -> None:
    assert kv_bytes("llama-3.1-8b", context=8192, sequences=4) == kv_bytes("llama-3.1-8b", context=8192)
    assert cells(geometry("llama-3.1-8b"), 8192, 512, windowed=False, whole_window=False, sequences=4) == 2048


def test_part_of_each_sequence_is_rounded_up() -> None:
    # 3,000 become 3,072, a third of which is a multiple of 256; a fifth, 614, is not.
    assert kv_bytes("llama-3.1-8b", context=3000, sequences=3) == 128 * KIB * 3072
    assert kv_bytes("llama-3.1-8b", context=3000, sequences=5) == 128 * KIB * 5 * 768


def test_each_sequence_has_a_window_of_its_own() -> None:
    one, two = (kv_bytes("gemma-2-9b", context=32_768, sequences=count) for count in (1, 2))
    row = 8 * 512 * 2
    assert one == row * 21 * (32_768 + 4608)
    assert two == row * 21 * (32_768 + 2 * 4608)


def test_latent_attention_keeps_576_numbers_for_each_token_and_layer() -> None:
    """DeepSeek-AI, "DeepSeek-V2" (2024): 512 compressed, and 64 with positions that all heads share."""
    assert kv_bytes("deepseek-v3") == 61 * 576 * 2 * 4096
    assert kv_bytes("deepseek-v3", flash_attention=False) == 61 * 576 * 2 * 4096
    assert kv_bytes("deepseek-v2-lite", kv_type="q8_0") == 27 * 576 // 32 * 34 * 4096


def test_indexer_keeps_a_key_of_128_beside_the_latent_row() -> None:
    """DeepSeek-AI, "DeepSeek-V3.2" (2025)."""
    assert kv_bytes("deepseek-v3.2") == 61 * (576 + 128) * 2 * 4096


def test_indexers_of_minimax_m3_keep_keys_and_values_where_attention_is_sparse() -> None:
    assert kv_bytes("minimax-m3") == (60 * 4 * (128 + 128) + 57 * (128 + 128)) * 2 * 4096


def test_layers_of_gemma_4_that_use_the_cache_of_others_have_none() -> None:
    """15 of E2B's 35, of which three see all with one head of 512, and twelve 512 tokens with one of 256."""
    each = caches("gemma-4-e2b", context=32_768)
    assert [cache.kv_bytes > 0 for cache in each] == [True] * 15 + [False] * 20
    whole, windowed = 3 * (512 + 512), 12 * (256 + 256)
    assert sum(cache.kv_bytes for cache in each) == 2 * (whole * 32_768 + windowed * (512 + 512))


def test_values_are_as_long_as_the_longest_without_flash_attention() -> None:
    """MiMo-V2-Flash: keys of 192 and values of 128; 4 heads where all is seen, 8 with a window of 128."""
    each = caches("mimo-v2-flash", flash_attention=False)
    assert each[0].kv_bytes == (4 * 192 + 8 * 128) * 2 * 4096
    assert each[1].kv_bytes == (8 * 192 + 8 * 128) * 2 * 768
    assert caches("mimo-v2-flash")[0].kv_bytes == 4 * (192 + 128) * 2 * 4096


def test_short_convolutions_of_lfm2_keep_two_tokens() -> None:
    """Six of LFM2 1.2B's sixteen layers attend."""
    each = caches("lfm2-1.2b")
    assert sum(cache.kv_bytes > 0 for cache in each) == 6
    assert sum(cache.state_bytes for cache in each) == 10 * 2 * 2048 * F32
    assert not any(cache.kv_bytes and cache.state_bytes for cache in each)


def test_mamba_2_keeps_three_tokens_of_its_convolution_and_128_states_for_each_channel() -> None:
    """Granite 4.0 H 350M: 28 of 32 layers; 1,536 channels, one group of 128 states."""
    layer = 3 * (1536 + 2 * 128) + 128 * 1536
    assert state_bytes("granite-4.0-h-350m") == 28 * layer * F32
    assert state_bytes("granite-4.0-h-350m", context=131_072) == 28 * layer * F32
    assert state_bytes("granite-4.0-h-350m", sequences=4) == 4 * 28 * layer * F32


def test_delta_nets_of_qwen3_next_keep_a_matrix_for_each_head() -> None:
    """36 of 48 layers; 32 heads of 128 by 128, and a convolution over queries, keys and values."""
    layer = 3 * (2 * 16 * 128 + 32 * 128) + 32 * 128 * 128
    assert state_bytes("qwen3-next-80b-a3b") == 36 * layer * F32
    assert kv_bytes("qwen3-next-80b-a3b") == 12 * 2 * (256 + 256) * 2 * 4096


def test_layers_of_nemotron_that_only_feed_forward_keep_nothing() -> None:
    """Nemotron Nano 9B v2: 27 Mamba 2, 4 attention and 25 feed-forward layers."""
    each = caches("nemotron-nano-9b-v2")
    assert sum(cache.kv_bytes > 0 for cache in each) == 4
    assert sum(cache.state_bytes > 0 for cache in each) == 27
    assert len(each) == 27 + 4 + 25
