"""The KV cache and the recurrent state, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.memory.geometry import Geometry, Layer

KvType = Literal["f16", "q8_0", "q4_0"]

CELL_PADDING = 256
"""Contexts and windows are made longer up to a multiple of it, in tokens."""

_BYTES_PER_BLOCK = {"f16": (2, 1), "q8_0": (34, 32), "q4_0": (18, 32)}
_F32_BYTES = 4


@dataclass(frozen=True)
class CacheBytes:
    """What one layer keeps for all sequences: its part of the KV cache and its recurrent state."""

    kv_bytes: int
    state_bytes: int


def padded(tokens: int) -> int:
    return -(-tokens // CELL_PADDING) * CELL_PADDING


def cells(
    geometry: Geometry,
    context: int,
    ubatch: int,
    *,
    windowed: bool,
    whole_window: bool,
    sequences: int = 1,
) -> int:
    """How many tokens of each of `sequences`, which share `context`, a layer has room for.

    A windowed layer needs the window and one micro-batch; with `whole_window` it keeps all (llama.cpp's
    `swa_full`).
    """
    whole = padded(padded(context) // sequences)
    if not windowed or whole_window:
        return whole
    return min(whole, padded(geometry.window + min(ubatch, context)))


def layer_cache(
    geometry: Geometry,
    layer: Layer,
    *,
    context: int,
    kv_type: KvType,
    ubatch: int,
    sequences: int,
    flash_attention: bool,
    whole_window: bool = False,
    value_type: KvType | None = None,
) -> CacheBytes:
    """Bytes of one layer for `sequences` that share `context` tokens; values as keys where `value_type` is None.

    Per cell: KV heads x (key length + value length), as in Ainslie et al., "GQA" (2023); of latent
    attention one row of keys, from which the values are computed (DeepSeek-AI, "DeepSeek-V2", 2024).
    Without flash attention llama.cpp stores values transposed, all layers as wide as the widest, and
    does not quantize them.
    """
    state = geometry.state_space
    state_bytes = 0
    if layer.recurrent and state:
        state_bytes = (state.convolution + state.state) * _F32_BYTES * sequences
    if not layer.has_cache:
        return CacheBytes(0, state_bytes)
    value_type = (value_type or kv_type) if flash_attention else "f16"
    values = 0 if geometry.latent else layer.values
    if values and not flash_attention:
        values = max(other.values for other in geometry.layers)
    row = row_bytes(layer.keys, kv_type) + row_bytes(values, value_type)
    if geometry.indexer and layer.indexed:
        row += row_bytes(geometry.indexer.key_length, kv_type)
        row += row_bytes(geometry.indexer.value_length, value_type)
    rows = sequences * cells(
        geometry,
        context,
        ubatch,
        windowed=layer.windowed,
        whole_window=whole_window,
        sequences=sequences,
    )
    return CacheBytes(rows * row, state_bytes)


def row_bytes(elements: int, kv_type: KvType) -> int:
    block_bytes, block_elements = _BYTES_PER_BLOCK[kv_type]
    return -(-elements // block_elements) * block_bytes
