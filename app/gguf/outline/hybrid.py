"""Hybrid models: some blocks attend, the others keep a recurrent state (Mamba-2, Dao and Gu 2024; short
convolutions of LFM2).

As `load_arch_tensors` in `src/models/` of llama.cpp has them. Which block is which stands in lists of the
header: a block without key-value heads does not attend.
"""

from __future__ import annotations

from app.gguf.outline.attention import Attention
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
    ungated,
    whole,
)

_ATTENTION = Attention(norms=())
_SHORT_ATTENTION = Attention(norms=(), head_norms="head", square=True)


def _granite_hybrid(model: Dimensions) -> Tensors:
    if model.number("ssm.inner_size") != 2 * model.width:
        raise model.none("llama.cpp takes only a state space twice as wide as the model")
    kv_heads = model.numbers("attention.head_count_kv")
    feed_forward = _granite_feed_forward(model)
    state_space = _state_space(model)
    return whole(
        ends(model),
        *(
            in_block(
                number,
                norms(model.width, ("attn_norm", "ffn_norm")),
                _ATTENTION.tensors(model, heads) if heads else state_space,
                feed_forward,
            )
            for number, heads in enumerate(kv_heads)
        ),
    )


def _granite_feed_forward(model: Dimensions) -> Tensors:
    if not model.count("expert_count"):
        return gated(model.width, model.feed_forward)
    shared = model.count("expert_shared_feed_forward_length")
    return whole(
        experts(model.width, model.feed_forward, model.experts),
        shared_expert(model.width, shared) if shared else {},
    )


def _nemotron_hybrid(model: Dimensions) -> Tensors:
    """Each block is one of three: a state space, attention, or a feed-forward part."""
    kv_heads = model.numbers("attention.head_count_kv")
    lengths = model.numbers("feed_forward_length")
    state_space = _state_space(model)
    blocks = []
    for number in range(model.layers):
        if lengths[number]:
            part = _nemotron_feed_forward(model, lengths[number])
        elif kv_heads[number]:
            part = _ATTENTION.tensors(model, kv_heads[number])
        else:
            part = state_space
        blocks.append(in_block(number, norms(model.width, ("attn_norm",)), part))
    for number in range(model.layers, model.blocks):
        blocks.append(
            in_block(
                number,
                norms(model.width, ("attn_norm", "post_attention_norm")),
                _ATTENTION.tensors(model, kv_heads[number]),
                _nemotron_experts(model),
                further_token(model, own_embeddings=False),
            )
        )
    return whole(ends(model), *blocks)


def _nemotron_feed_forward(model: Dimensions, length: int) -> Tensors:
    if model.count("expert_count"):
        return _nemotron_experts(model)
    return ungated(model.width, length)


def _nemotron_experts(model: Dimensions) -> Tensors:
    """Experts without a gate, in a space of their own where the header gives its width."""
    width, count = model.width, model.experts
    length = model.number("expert_feed_forward_length")
    shared = model.number("expert_shared_feed_forward_length")
    inner = model.number("moe_latent_size", width)
    tensors: Tensors = {
        "ffn_gate_inp.weight": (width, count),
        "exp_probs_b.bias": (count,),
        "ffn_down_exps.weight": (length, inner, count),
        "ffn_up_exps.weight": (inner, length, count),
        "ffn_down_shexp.weight": (shared, width),
        "ffn_up_shexp.weight": (width, shared),
    }
    if inner != width:
        tensors |= {"ffn_latent_down.weight": (width, inner), "ffn_latent_up.weight": (inner, width)}
    return tensors


def _state_space(model: Dimensions) -> Tensors:
    """Mamba-2: one convolution over the inner width and, in each group, the input and output of the state."""
    inner, heads = model.number("ssm.inner_size"), model.number("ssm.time_step_rank")
    groups = model.number("ssm.group_count")
    convolved = inner + 2 * groups * model.number("ssm.state_size")
    return {
        "ssm_in.weight": (model.width, inner + convolved + heads),
        "ssm_conv1d.weight": (model.number("ssm.conv_kernel"), convolved),
        "ssm_conv1d.bias": (convolved,),
        "ssm_dt.bias": (heads,),
        "ssm_a": (1, heads),
        "ssm_d": (1, heads),
        "ssm_norm.weight": (inner // groups, groups),
        "ssm_out.weight": (inner, model.width),
    }


def _short_convolutions(model: Dimensions) -> Tensors:
    width = model.width
    convolution: Tensors = {
        "shortconv.conv.weight": (model.number("shortconv.l_cache"), width),
        "shortconv.in_proj.weight": (width, 3 * width),
        "shortconv.out_proj.weight": (width, width),
    }
    dense = model.blocks
    if model.architecture == "lfm2moe":
        dense = model.count("leading_dense_block_count")
    return whole(
        ends(model, norm="token_embd_norm"),
        *(
            in_block(
                number,
                norms(width, ("attn_norm", "ffn_norm")),
                _SHORT_ATTENTION.tensors(model, heads) if heads else convolution,
                gated(width, model.feed_forward)
                if number < dense
                else experts(width, model.number("expert_feed_forward_length"), model.experts, bias=True),
            )
            for number, heads in enumerate(model.numbers("attention.head_count_kv"))
        ),
    )


HYBRID = {
    "granitehybrid": _granite_hybrid,
    "lfm2": _short_convolutions,
    "lfm2moe": _short_convolutions,
    "nemotron_h": _nemotron_hybrid,
    "nemotron_h_moe": _nemotron_hybrid,
}
"""By the name under `general.architecture`."""
