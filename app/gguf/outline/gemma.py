"""Gemma models with per-layer embeddings, and with layers that share or differ in their heads.

As `load_arch_tensors` in `src/models/` of llama.cpp has them. Gemma 2 and 3 are dense and stand there.
"""

from __future__ import annotations

from app.gguf.outline.attention import Attention
from app.gguf.outline.dimensions import Dimensions
from app.gguf.outline.parts import Tensors, ends, gated, in_block, norms, whole

_FOUR_NORMS = ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")

_LAUREL_RANK = 64
_ALTERNATIVES = 4
"""Predictions per layer of alternating updates (AltUp, Baykal et al. 2023)."""
_GEMMA_3N_LAYER_WIDTH = 256
"""These three are fixed in llama.cpp and not read from the header."""


def _gemma3n(model: Dimensions) -> Tensors:
    width, inputs = model.width, _ALTERNATIVES
    if model.number("altup.num_inputs", inputs) != inputs:
        raise model.none(f"llama.cpp takes only {inputs} alternatives")
    if model.number("embedding_length_per_layer_input", _GEMMA_3N_LAYER_WIDTH) != _GEMMA_3N_LAYER_WIDTH:
        raise model.none(f"llama.cpp takes only per-layer embeddings of {_GEMMA_3N_LAYER_WIDTH}")
    alternating: Tensors = {
        "altup_correct_coef.weight": (inputs, inputs),
        "altup_correct_scale.weight": (width,),
        "altup_predict_coef.weight": (inputs, inputs * inputs),
        "altup_router.weight": (width, inputs),
        "altup_router_norm.weight": (width,),
        "laurel_l.weight": (width, _LAUREL_RANK),
        "laurel_r.weight": (_LAUREL_RANK, width),
        "laurel_post_norm.weight": (width,),
    }
    block = whole(
        Attention(_FOUR_NORMS, head_norms="head").tensors(model),
        gated(width, model.feed_forward),
        _layer_input(width, _GEMMA_3N_LAYER_WIDTH),
        alternating,
    )
    return whole(
        ends(model),
        _layer_embeddings(model, _GEMMA_3N_LAYER_WIDTH),
        {
            "altup_proj.weight": (width, width, inputs - 1),
            "altup_unembd_proj.weight": (width, width, inputs - 1),
        },
        *(in_block(number, block) for number in range(model.blocks)),
    )


def _gemma4(model: Dimensions) -> Tensors:
    """Windowed layers have heads of their own length. Where the header counts key-value heads layer by
    layer, the others have no values but use their keys."""
    windowed = model.flags("attention.sliding_window_pattern")
    if windowed is None:
        raise model.none("it is not told which layers are windowed")
    kv_heads = model.numbers("attention.head_count_kv")
    keys_are_values = len(set(kv_heads)) > 1
    lengths = model.numbers("feed_forward_length")
    layer_width = model.count("embedding_length_per_layer_input")
    whole_length, window_length = model.key_length, model.number("attention.key_length_swa")
    shared = _gemma4_shared(model, layer_width)
    return whole(
        ends(model),
        _layer_embeddings(model, layer_width) if layer_width else {},
        {} if all(windowed) else {"rope_freqs.weight": (whole_length // 2,)},
        *(
            in_block(
                number,
                _gemma4_attention(
                    model,
                    window_length if windowed[number] else whole_length,
                    kv_heads[number],
                    values=windowed[number] or not keys_are_values,
                ),
                gated(model.width, lengths[number]),
                shared,
            )
            for number in range(model.blocks)
        ),
    )


def _gemma4_attention(model: Dimensions, length: int, kv_heads: int, *, values: bool) -> Tensors:
    queries = model.heads * length
    tensors = norms(model.width, _FOUR_NORMS)
    tensors |= {
        "attn_q.weight": (model.width, queries),
        "attn_k.weight": (model.width, kv_heads * length),
        "attn_output.weight": (queries, model.width),
        "attn_q_norm.weight": (length,),
        "attn_k_norm.weight": (length,),
        "layer_output_scale.weight": (1,),
    }
    return tensors | {"attn_v.weight": (model.width, kv_heads * length)} if values else tensors


def _gemma4_shared(model: Dimensions, layer_width: int) -> Tensors:
    """What is the same in all blocks: the layer's input, and experts beside the feed-forward part."""
    width = model.width
    tensors = _layer_input(width, layer_width) if layer_width else {}
    if not model.count("expert_count"):
        return tensors
    length = model.number("expert_feed_forward_length")
    tensors |= norms(width, ("pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2"))
    return tensors | {
        "ffn_gate_inp.weight": (width, model.experts),
        "ffn_gate_inp.scale": (width,),
        "ffn_gate_up_exps.weight": (width, 2 * length, model.experts),
        "ffn_down_exps.weight": (length, width, model.experts),
        "ffn_down_exps.scale": (model.experts,),
    }


def _layer_embeddings(model: Dimensions, layer_width: int) -> Tensors:
    """Token embeddings that go into each layer, for all layers in one row."""
    return {
        "per_layer_token_embd.weight": (layer_width * model.blocks, model.vocabulary),
        "per_layer_model_proj.weight": (model.width, layer_width * model.blocks),
        "per_layer_proj_norm.weight": (layer_width,),
    }


def _layer_input(width: int, layer_width: int) -> Tensors:
    return {
        "inp_gate.weight": (width, layer_width),
        "proj.weight": (layer_width, width),
        "post_norm.weight": (width,),
    }


GEMMA = {"gemma3n": _gemma3n, "gemma4": _gemma4}
"""By the name under `general.architecture`."""
