"""Models with multi-head latent attention (DeepSeek-AI, "DeepSeek-V2", 2024), some with an indexer that
chooses what is attended to ("DeepSeek-V3.2", 2025), and all with experts beside shared ones.

As `load_arch_tensors` in `src/models/` of llama.cpp has them.
"""

from __future__ import annotations

from app.gguf.outline.dimensions import Dimensions
from app.gguf.outline.parts import (
    Tensors,
    ends,
    experts,
    further_token,
    gated,
    in_block,
    norms,
    shared_expert,
    whole,
)

_SIGMOID = 2
"""`expert_gating_func` of routers whose choice is corrected by a bias ("DeepSeek-V3", 2024)."""
_TWO_NORMS = ("attn_norm", "ffn_norm")


def latent_attention(model: Dimensions) -> Tensors:
    """Keys and values in one short row, which `attn_k_b` and `attn_v_b` spread over the heads."""
    width, heads = model.width, model.heads
    key = model.number("attention.key_length_mla")
    value = model.number("attention.value_length_mla")
    rope = model.number("rope.dimension_count")
    row = model.number("attention.kv_lora_rank")
    query_row = model.count("attention.q_lora_rank")
    queries: Tensors = {"attn_q.weight": (width, heads * key)}
    if query_row:
        queries = {
            "attn_q_a.weight": (width, query_row),
            "attn_q_a_norm.weight": (query_row,),
            "attn_q_b.weight": (query_row, heads * key),
        }
    return queries | {
        "attn_kv_a_mqa.weight": (width, row + rope),
        "attn_kv_a_norm.weight": (row,),
        "attn_k_b.weight": (key - rope, row, heads),
        "attn_v_b.weight": (row, value, heads),
        "attn_output.weight": (heads * value, width),
    }


def _deepseek2(model: Dimensions) -> Tensors:
    """As V2 where the header says nothing of the router, as llama.cpp takes it."""
    attention = norms(model.width, _TWO_NORMS) | latent_attention(model)
    corrected = model.count("expert_gating_func") == _SIGMOID
    return whole(
        ends(model),
        *(
            in_block(number, attention, _feed_forward(model, number, corrected=corrected))
            for number in range(model.blocks)
        ),
    )


def _sparse(model: Dimensions) -> Tensors:
    """With an indexer in each block, or in those that the header lists."""
    attention = norms(model.width, _TWO_NORMS) | latent_attention(model)
    indexed = model.flags("attention.indexer.types")
    further = further_token(model, own_embeddings=model.architecture == "deepseek32")
    return whole(
        ends(model),
        *(
            in_block(
                number,
                attention,
                _indexer(model) if indexed is None or indexed[number] or number >= model.layers else {},
                _feed_forward(model, number, corrected=True),
                further if number >= model.layers else {},
            )
            for number in range(model.blocks)
        ),
    )


def _indexer(model: Dimensions) -> Tensors:
    length, heads = model.number("attention.indexer.key_length"), model.number("attention.indexer.head_count")
    return {
        "indexer.k_norm.weight": (length,),
        "indexer.k_norm.bias": (length,),
        "indexer.proj.weight": (model.width, heads),
        "indexer.attn_k.weight": (model.width, length),
        "indexer.attn_q_b.weight": (model.number("attention.q_lora_rank"), heads * length),
    }


def _feed_forward(model: Dimensions, number: int, *, corrected: bool) -> Tensors:
    if number < model.count("leading_dense_block_count"):
        return gated(model.width, model.feed_forward)
    length = model.number("expert_feed_forward_length")
    return whole(
        experts(model.width, length, model.experts, bias=corrected),
        shared_expert(model.width, length * model.number("expert_shared_count")),
    )


LATENT = {"deepseek2": _deepseek2, "deepseek32": _sparse, "glm-dsa": _sparse}
"""By the name under `general.architecture`."""
