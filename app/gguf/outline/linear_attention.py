"""Models whose blocks mostly attend linearly, with a gated delta rule (Yang et al. 2024; Kimi Delta
Attention, Moonshot AI 2025), and only some in the usual way.

As `load_arch_tensors` in `src/models/` of llama.cpp has them.
"""

from __future__ import annotations

from app.gguf.outline.attention import Attention
from app.gguf.outline.dimensions import Dimensions
from app.gguf.outline.latent import latent_attention
from app.gguf.outline.parts import (
    Tensors,
    ends,
    experts,
    further_token,
    gated,
    in_block,
    norms,
    projections,
    shared_expert,
    whole,
)

_GATED_ATTENTION = Attention(norms=(), head_norms="head", gated=True)
_INTERVAL = 4
"""Every n-th block attends in the usual way, where the header does not say it."""


def _qwen(model: Dimensions) -> Tensors:
    attends = _GATED_ATTENTION.tensors(model)
    linear = _delta_rule(model)
    feed_forward = gated(model.width, model.feed_forward) if model.architecture == "qwen35" else _mixed(model)
    further = further_token(model, own_embeddings=False)
    return whole(
        ends(model),
        *(
            in_block(
                number,
                norms(model.width, ("attn_norm", "post_attention_norm")),
                linear if recurrent else attends,
                feed_forward,
                further if number >= model.layers else {},
            )
            for number, recurrent in enumerate(_recurrent(model))
        ),
    )


def _recurrent(model: Dimensions) -> tuple[bool, ...]:
    listed = model.flags("attention.recurrent_layers")
    if listed is not None:
        return listed
    interval = model.number("full_attention_interval", _INTERVAL)
    return tuple(number < model.layers and (number + 1) % interval != 0 for number in range(model.blocks))


def _delta_rule(model: Dimensions) -> Tensors:
    width, state = model.width, model.number("ssm.state_size")
    heads = model.number("ssm.time_step_rank")
    keys, values = state * model.number("ssm.group_count"), state * heads
    tensors: Tensors = {
        "attn_qkv.weight": (width, 2 * keys + values),
        "attn_gate.weight": (width, values),
        "ssm_conv1d.weight": (model.number("ssm.conv_kernel"), 2 * keys + values),
        "ssm_dt.bias": (heads,),
        "ssm_a": (heads,),
        "ssm_norm.weight": (state,),
        "ssm_out.weight": (values, width),
    }
    if model.architecture == "qwen3next":
        return tensors | {"ssm_ba.weight": (width, 2 * heads)}
    return tensors | {"ssm_beta.weight": (width, heads), "ssm_alpha.weight": (width, heads)}


def _mixed(model: Dimensions) -> Tensors:
    width = model.width
    shared = model.count("expert_shared_feed_forward_length") or model.feed_forward
    return whole(
        experts(width, model.expert_feed_forward, model.experts),
        shared_expert(width, shared),
        {"ffn_gate_inp_shexp.weight": (width,)},
    )


def _kimi(model: Dimensions) -> Tensors:
    """Latent attention among delta-rule blocks, and scores for residuals across blocks."""
    width = model.width
    model.number("attn_res.block_size")  # no size follows from it here, but llama.cpp insists on it
    attends = latent_attention(model) | {
        "attn_gate.weight": (width, model.heads * model.number("attention.value_length_mla"))
    }
    linear = _kimi_delta(model)
    mixed = _kimi_experts(model)
    return whole(
        ends(model, output=True),
        {"output_res_score.weight": (width,)},
        *(
            in_block(
                number,
                norms(width, ("attn_norm", "ffn_norm", "attn_res_score", "ffn_res_score")),
                attends if kv_heads else linear,
                gated(width, model.feed_forward)
                if number < model.count("leading_dense_block_count")
                else mixed,
            )
            for number, kv_heads in enumerate(model.numbers("attention.head_count_kv"))
        ),
    )


def _kimi_delta(model: Dimensions) -> Tensors:
    width, head = model.width, model.number("kda.head_dim")
    inner = head * model.heads
    convolution = (model.number("ssm.conv_kernel"), 1, inner, 1)
    return projections(width, inner, inner, inner) | {
        "ssm_conv1d_q.weight": convolution,
        "ssm_conv1d_k.weight": convolution,
        "ssm_conv1d_v.weight": convolution,
        "ssm_f_a.weight": (width, head),
        "ssm_f_b.weight": (head, inner),
        "ssm_beta.weight": (width, model.heads),
        "ssm_a": (model.heads,),
        "ssm_dt.bias": (inner,),
        "ssm_g.weight": (width, inner),
        "ssm_norm.weight": (head,),
        "attn_output.weight": (inner, width),
    }


def _kimi_experts(model: Dimensions) -> Tensors:
    """Routed experts in a narrower space of their own, shared ones in the model's."""
    width = model.width
    inner = model.number("expert_latent_length", width)
    length = model.number("expert_feed_forward_length")
    tensors = experts(inner, length, model.experts, bias=True)
    tensors["ffn_gate_inp.weight"] = (width, model.experts)
    if model.has("expert_latent_length"):
        tensors |= {
            "ffn_routed_down.weight": (width, inner),
            "ffn_routed_up.weight": (inner, width),
            "ffn_routed_norm.weight": (inner,),
        }
    return tensors | shared_expert(width, length * model.number("expert_shared_count"))


LINEAR_ATTENTION = {"kimi-k3": _kimi, "qwen35": _qwen, "qwen35moe": _qwen, "qwen3next": _qwen}
"""By the name under `general.architecture`."""
