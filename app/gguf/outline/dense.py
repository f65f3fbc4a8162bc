"""Dense models: every block attends and has one feed-forward part.

As `load_arch_tensors` in `src/models/` of llama.cpp has them. Three of these architectures may hold
experts in place of the one part (Mixtral is a llama).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from app.gguf.outline.attention import Attention
from app.gguf.outline.dimensions import Dimensions
from app.gguf.outline.parts import (
    Tensors,
    ends,
    experts,
    further_token,
    gate_within_up,
    gated,
    in_block,
    shared_expert,
    whole,
)


@dataclass(frozen=True)
class Dense:
    """`output` as in `ends`; `may_have_experts`: where the header counts some; `long_rope`: factors for
    contexts beyond the trained length."""

    attention: Attention
    feed_forward: Callable[[int, int], Tensors] = gated
    output: bool | None = None
    may_have_experts: bool = False
    long_rope: bool = False

    def __call__(self, model: Dimensions) -> Tensors:
        block = whole(self.attention.tensors(model), self._feed_forward(model))
        further = further_token(model, own_embeddings=False)
        return whole(
            ends(model, output=self.output),
            _long_rope(model) if self.long_rope else {},
            *(in_block(number, block) for number in range(model.layers)),
            *(in_block(number, block, further) for number in range(model.layers, model.blocks)),
        )

    def _feed_forward(self, model: Dimensions) -> Tensors:
        if not self.may_have_experts or not model.count("expert_count"):
            return self.feed_forward(model.width, model.feed_forward)
        shared = model.count("expert_shared_feed_forward_length")
        return whole(
            experts(model.width, model.feed_forward, model.experts),
            shared_expert(model.width, shared) if shared else {},
        )


def _long_rope(model: Dimensions) -> Tensors:
    """LongRoPE (Ding et al. 2024), told by a context that is longer than the original one."""
    context = model.number("context_length")
    if context <= model.number("rope.scaling.original_context_length", context):
        return {}
    pairs = model.number("rope.dimension_count", model.key_length) // 2
    return {"rope_factors_long.weight": (pairs,), "rope_factors_short.weight": (pairs,)}


_FOUR_NORMS = ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
_NORMS_AFTER = ("post_attention_norm", "post_ffw_norm")
_GLM4_BIAS = {40: True, 61: False}
"""By the number of layers."""


def _command_r(model: Dimensions) -> Tensors:
    """Each head has norms of its own from 64 layers on, as llama.cpp has it."""
    head_norms: Literal["each"] | None = "each" if model.layers >= 64 else None
    return Dense(Attention(("attn_norm",), head_norms=head_norms, square=True), output=False)(model)


def _glm4(model: Dimensions) -> Tensors:
    """Which sizes add to their queries, keys and values stands in no header: the 9B does, the 32B not."""
    bias = _GLM4_BIAS.get(model.layers)
    if bias is None:
        raise model.none("it is not known whether this size has biases")
    return Dense(Attention(_FOUR_NORMS, bias=bias), gate_within_up)(model)


DENSE: dict[str, Callable[[Dimensions], Tensors]] = {
    "cohere2": Dense(Attention(("attn_norm",), square=True), output=False),
    "command-r": _command_r,
    "exaone4": Dense(Attention(_NORMS_AFTER, head_norms="head", square=True)),
    "gemma2": Dense(Attention(_FOUR_NORMS), output=False),
    "gemma3": Dense(Attention(_FOUR_NORMS, head_norms="head")),
    "glm4": _glm4,
    "granite": Dense(Attention(), may_have_experts=True),
    "llama": Dense(Attention(), may_have_experts=True),
    "mistral3": Dense(Attention(), may_have_experts=True),
    "olmo2": Dense(Attention(_NORMS_AFTER, head_norms="all", square=True), output=True),
    "phi3": Dense(Attention(square=True, fused=True), gate_within_up, long_rope=True),
    "qwen2": Dense(Attention(bias=True, square=True)),
    "qwen3": Dense(Attention(head_norms="head")),
    "qwen3vl": Dense(Attention(head_norms="head")),
    "seed_oss": Dense(Attention(("attn_norm", "post_attention_norm"), bias=True)),
    "smollm3": Dense(Attention()),
}
"""By the name under `general.architecture`."""
