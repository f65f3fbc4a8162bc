"""Attention with heads for queries, keys and values, in the variants of most architectures.

Grouped heads as in Ainslie et al., "GQA" (2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.gguf.outline.dimensions import Dimensions
from app.gguf.outline.parts import Tensors, norms, projections


@dataclass(frozen=True)
class Attention:
    """One architecture's variant.

    `norms`: of the block's width, also those around its feed-forward part. `head_norms`: of queries and
    keys, by the length of a head, of all heads at once, or one for each head. `square`: the heads together
    are as long as the width. `fused`: queries, keys and values in one tensor. `gated`: the queries' tensor
    has the gates of the output as well. `sinks`: a weight per head for attending to nothing. `own_values`:
    values may have another length than keys.
    """

    norms: tuple[str, ...] = ("attn_norm", "ffn_norm")
    head_norms: Literal["head", "all", "each"] | None = None
    bias: bool = False
    output_bias: bool = False
    square: bool = False
    fused: bool = False
    gated: bool = False
    sinks: bool = False
    own_values: bool = False

    def tensors(self, model: Dimensions, kv_heads: int | None = None) -> Tensors:
        """The part of one block; `kv_heads` where they differ between blocks."""
        width, heads = model.width, model.heads
        kv_heads = model.kv_heads if kv_heads is None else kv_heads
        key = model.key_length
        value = model.number("attention.value_length", width // heads)
        if value != key and not self.own_values:
            raise model.none("keys and values differ in length")
        if self.square and heads * key != width:
            raise model.none("the heads are not as long as the width")
        queries, keys, values = heads * key, kv_heads * key, kv_heads * value
        tensors = norms(width, self.norms)
        if self.fused:
            tensors["attn_qkv.weight"] = (width, queries + keys + values)
        else:
            asked = 2 * queries if self.gated else queries
            tensors |= projections(width, asked, keys, values, bias=self.bias)
        tensors["attn_output.weight"] = (heads * value, width)
        if self.output_bias:
            tensors["attn_output.bias"] = (width,)
        match self.head_norms:
            case "head":
                tensors |= {"attn_q_norm.weight": (key,), "attn_k_norm.weight": (key,)}
            case "all":
                tensors |= {"attn_q_norm.weight": (queries,), "attn_k_norm.weight": (keys,)}
            case "each":
                tensors |= {"attn_q_norm.weight": (key, heads), "attn_k_norm.weight": (key, kv_heads)}
        if self.sinks:
            tensors["attn_sinks.weight"] = (heads,)
        return tensors
