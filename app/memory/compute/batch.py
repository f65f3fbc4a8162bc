"""Batch: what is computed at once."""

from __future__ import annotations

from dataclasses import dataclass

from app.memory.geometry import Geometry
from app.memory.kv_cache import KvType, cells


@dataclass(frozen=True)
class Batch:
    """The largest batch a context is made for.

    `tokens`: the micro-batch, of all `sequences` together; `outputs`: for how many of them logits are wanted
    at most; `cells` and `window_cells`: tokens of one sequence that the KV cache has room for, in whole and
    in windowed layers; `value_type`: of values there, None as keys.
    """

    tokens: int
    outputs: int
    cells: int
    window_cells: int
    flash_attention: bool
    kv_type: KvType
    sequences: int = 1
    value_type: KvType | None = None


def largest_batch(
    geometry: Geometry,
    *,
    context: int,
    ubatch: int,
    outputs: int,
    flash_attention: bool,
    kv_type: KvType,
    sequences: int = 1,
    whole_window: bool = False,
    value_type: KvType | None = None,
) -> Batch:
    """The batch that llama.cpp reserves for: as many tokens as there can be, in equal parts from each of
    `sequences`, which share `context`."""
    tokens = min(ubatch, context)
    whole, window = (
        cells(
            geometry,
            context,
            ubatch,
            windowed=windowed,
            whole_window=whole_window,
            sequences=sequences,
        )
        for windowed in (False, True)
    )
    return Batch(
        tokens=-(-tokens // sequences) * sequences,
        outputs=min(outputs, tokens),
        cells=whole,
        window_cells=window,
        flash_attention=flash_attention,
        kv_type=kv_type,
        value_type=value_type,
        sequences=sequences,
    )
