"""DeepSeek-V4: attention to compressed stretches of the context, and several residual streams.

As `load_arch_tensors` in `src/models/deepseek4.cpp` of llama.cpp has it.
"""

from __future__ import annotations

from app.gguf.outline.dimensions import Dimensions
from app.gguf.outline.parts import Tensors, ends, experts, in_block, norms, shared_expert, whole

_INDEXED_RATIO = 4
_RATIOS = {0: 0, _INDEXED_RATIO: 2, 128: 1}
"""How many tokens are compressed into one, and by how many rows; 0: the block does not compress."""


def _deepseek4(model: Dimensions) -> Tensors:
    width, streams = model.width, model.number("hyper_connection.count")
    attention = _attention(model)
    ratios = _ratios(model)
    return whole(
        ends(model, output=True),
        {
            "output_hc_fn.weight": (streams * width, streams),
            "output_hc_base.weight": (streams,),
            "output_hc_scale.weight": (1,),
        },
        *(
            in_block(
                number,
                attention,
                _compressor(model, ratios[number]),
                _feed_forward(model, number),
                _hyper_connection("hc_attn", width, streams),
                _hyper_connection("hc_ffn", width, streams),
            )
            for number in range(model.blocks)
        ),
    )


def _ratios(model: Dimensions) -> tuple[int, ...]:
    ratios = model.at_least("attention.compress_ratios")
    if any(ratio not in _RATIOS for ratio in ratios):
        raise model.none("llama.cpp knows no such compression")
    return ratios


def _attention(model: Dimensions) -> Tensors:
    width, heads, length = model.width, model.heads, model.key_length
    query_row = model.number("attention.q_lora_rank")
    groups, group_row = (
        model.number("attention.output_group_count"),
        model.number("attention.output_lora_rank"),
    )
    return norms(width, ("attn_norm", "ffn_norm")) | {
        "attn_sinks.weight": (heads,),
        "attn_q_a.weight": (width, query_row),
        "attn_q_a_norm.weight": (query_row,),
        "attn_q_b.weight": (query_row, heads * length),
        "attn_kv.weight": (width, length),
        "attn_kv_a_norm.weight": (length,),
        "attn_output_a.weight": (heads * length // groups, group_row, groups),
        "attn_output_b.weight": (groups * group_row, width),
    }


def _compressor(model: Dimensions, ratio: int) -> Tensors:
    """Of keys and values; at the lower ratio an indexer chooses, with a compressor of its own."""
    if not ratio:
        return {}
    width, length = model.width, model.key_length
    rows = _RATIOS[ratio] * length
    tensors: Tensors = {
        "attn_compressor_kv.weight": (width, rows),
        "attn_compressor_gate.weight": (width, rows),
        "attn_compressor_ape.weight": (rows, ratio),
        "attn_compressor_norm.weight": (length,),
    }
    if ratio != _INDEXED_RATIO:
        return tensors
    heads, key = model.number("attention.indexer.head_count"), model.number("attention.indexer.key_length")
    return tensors | {
        "indexer.proj.weight": (width, heads),
        "indexer.attn_q_b.weight": (model.number("attention.q_lora_rank"), heads * key),
        "indexer_compressor_kv.weight": (width, 2 * key),
        "indexer_compressor_gate.weight": (width, 2 * key),
        "indexer_compressor_ape.weight": (2 * key, ratio),
        "indexer_compressor_norm.weight": (key,),
    }


def _feed_forward(model: Dimensions, number: int) -> Tensors:
    """The first blocks choose their experts by the token alone, from a table of whole numbers (I32)."""
    length, by_token = model.number("expert_feed_forward_length"), number < model.count("hash_layer_count")
    tensors = experts(model.width, length, model.experts, bias=not by_token)
    if by_token:
        tensors["ffn_gate_tid2eid.weight"] = (model.number("expert_used_count"), model.vocabulary)
    return tensors | shared_expert(model.width, length * model.number("expert_shared_count"))


def _hyper_connection(name: str, width: int, streams: int) -> Tensors:
    mixed = (2 + streams) * streams
    return {
        f"{name}_fn.weight": (streams * width, mixed),
        f"{name}_base.weight": (mixed,),
        f"{name}_scale.weight": (3,),
    }


COMPRESSED = {"deepseek4": _deepseek4}
"""By the name under `general.architecture`."""
