"""Mixtures of experts (Shazeer et al. 2017) whose blocks all attend in the usual way.

As `load_arch_tensors` in `src/models/` of llama.cpp has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.gguf.outline.attention import Attention
from app.gguf.outline.dimensions import Dimensions
from app.gguf.outline.parts import (
    Tensors,
    ends,
    experts,
    further_token,
    gated,
    in_block,
    shared_expert,
    whole,
)

FeedForward = Callable[[Dimensions, int], Tensors]
"""The feed-forward part of the block of that number."""


@dataclass(frozen=True)
class MixtureOfExperts:
    """`output` as in `ends`."""

    attention: Attention
    feed_forward: FeedForward
    output: bool | None = None

    def __call__(self, model: Dimensions) -> Tensors:
        attention = self.attention.tensors(model)
        further = further_token(model, own_embeddings=True)
        return whole(
            ends(model, output=self.output),
            *(
                in_block(
                    number,
                    attention,
                    self.feed_forward(model, number),
                    further if number >= model.layers else {},
                )
                for number in range(model.blocks)
            ),
        )


_GLM4_HEAD_NORMS = {46: False, 92: True}
"""By the number of layers."""


def _routed(model: Dimensions, _number: int) -> Tensors:
    return experts(model.width, model.expert_feed_forward, model.experts)


def _routed_with_correction(model: Dimensions, _number: int) -> Tensors:
    return experts(model.width, model.feed_forward, model.experts, bias=True)


def _routed_with_biases(model: Dimensions, _number: int) -> Tensors:
    length, count = model.expert_feed_forward, model.experts
    return whole(
        experts(model.width, length, count),
        {
            "ffn_gate_inp.bias": (count,),
            "ffn_gate_exps.bias": (length, count),
            "ffn_down_exps.bias": (model.width, count),
            "ffn_up_exps.bias": (length, count),
        },
    )


def _after_dense_blocks(model: Dimensions, number: int) -> Tensors:
    """Some dense blocks, then routed experts with a router's correction beside shared ones."""
    if number < model.count("leading_dense_block_count"):
        return gated(model.width, model.feed_forward)
    length, shared = model.expert_feed_forward, model.count("expert_shared_count")
    return whole(
        experts(model.width, length, model.experts, bias=True),
        shared_expert(model.width, length * shared) if shared else {},
    )


def _after_dense_blocks_with_shared_length(model: Dimensions, number: int) -> Tensors:
    """The same, where the header gives the length of the shared ones together."""
    if number < model.count("leading_dense_block_count"):
        return gated(model.width, model.feed_forward)
    shared = model.count("expert_shared_feed_forward_length")
    return whole(
        experts(model.width, model.number("expert_feed_forward_length"), model.experts, bias=True),
        shared_expert(model.width, shared) if shared else {},
    )


def _every_few_blocks(model: Dimensions, number: int) -> Tensors:
    if (number + 1) % model.number("interleave_moe_layer_step"):
        return gated(model.width, model.feed_forward)
    length = model.number("expert_feed_forward_length")
    return whole(experts(model.width, length, model.experts), shared_expert(model.width, length))


def _beside_a_shared_expert(model: Dimensions, _number: int) -> Tensors:
    length = model.feed_forward
    shared = model.count("expert_shared_feed_forward_length") or length
    return whole(experts(model.width, length, model.experts), shared_expert(model.width, shared))


def _indexed_after_dense_blocks(model: Dimensions, number: int) -> Tensors:
    """With an indexer that chooses stretches of the context to attend to, except in dense blocks."""
    tensors = _after_dense_blocks(model, number)
    if number < model.count("leading_dense_block_count"):
        return tensors
    length, heads = model.number("attention.indexer.key_length"), model.number("attention.indexer.head_count")
    return tensors | {
        "indexer.q_proj.weight": (model.width, heads * length),
        "indexer.k_proj.weight": (model.width, length),
        "indexer.q_norm.weight": (length,),
        "indexer.k_norm.weight": (length,),
    }


def _glm4(model: Dimensions) -> Tensors:
    """Which sizes norm their queries and keys stands in no header: GLM-4.5 does, GLM-4.5-Air does not."""
    normed = _GLM4_HEAD_NORMS.get(model.layers)
    if normed is None:
        raise model.none("it is not known whether this size norms its queries and keys")
    attention = Attention(
        ("attn_norm", "post_attention_norm"), bias=True, head_norms="head" if normed else None
    )
    return MixtureOfExperts(attention, _after_dense_blocks)(model)


def _mimo2(model: Dimensions) -> Tensors:
    """Windowed blocks have key-value heads of their own number, and sinks. The first block is dense, and
    so are those that predict further tokens."""
    windowed = model.flags("attention.sliding_window_pattern")
    if windowed is None:
        raise model.none("it is not told which layers are windowed")
    kv_heads = model.numbers("attention.head_count_kv")
    routed = experts(model.width, model.number("expert_feed_forward_length"), model.experts, bias=True)
    dense = gated(model.width, model.feed_forward)
    further = further_token(model, own_embeddings=False, norm="layer_output_norm")
    return whole(
        ends(model, output=True),
        *(
            in_block(
                number,
                Attention(sinks=windowed[number], own_values=True).tensors(model, kv_heads[number]),
                routed if 0 < number < model.layers else dense,
                further if number >= model.layers else {},
            )
            for number in range(model.blocks)
        ),
    )


MIXTURES_OF_EXPERTS: dict[str, Callable[[Dimensions], Tensors]] = {
    "ernie4_5-moe": MixtureOfExperts(Attention(), _after_dense_blocks_with_shared_length),
    "gpt-oss": MixtureOfExperts(
        Attention(("attn_norm", "post_attention_norm"), bias=True, output_bias=True, sinks=True),
        _routed_with_biases,
        output=True,
    ),
    "glm4moe": _glm4,
    "hunyuan-moe": MixtureOfExperts(Attention(head_norms="head"), _beside_a_shared_expert),
    "llama4": MixtureOfExperts(Attention(), _every_few_blocks),
    "mimo2": _mimo2,
    "minimax-m2": MixtureOfExperts(Attention(head_norms="all"), _routed_with_correction, output=True),
    "minimax-m3": MixtureOfExperts(Attention(head_norms="head"), _indexed_after_dense_blocks, output=True),
    "qwen3moe": MixtureOfExperts(Attention(head_norms="head"), _routed),
    "qwen3vlmoe": MixtureOfExperts(Attention(head_norms="head"), _routed),
}
"""By the name under `general.architecture`."""
