"""Batch: what is computed at once."""

from __future__ import annotations

from dataclasses import dataclass

from app.memory.kv_cache import KvType


@dataclass(frozen=True)
class Batch:
    """The largest batch a context is made for.

    `tokens`: the micro-batch; `outputs`: for how many of them logits are wanted at most; `cells` and
    `window_cells`: tokens the KV cache has room for, in whole and in windowed layers.
    """

    tokens: int
    outputs: int
    cells: int
    window_cells: int
    flash_attention: bool
    kv_type: KvType
