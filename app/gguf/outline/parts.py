"""Parts that models of many architectures are put together from, as names and shapes.

Shapes are in ggml order: the length of a row first. Names as in `llama-arch.cpp` of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.gguf.outline.dimensions import Dimensions

Tensors = dict[str, tuple[int, ...]]


def in_block(number: int, *parts: Tensors) -> Tensors:
    return {f"blk.{number}.{name}": shape for part in parts for name, shape in part.items()}


def whole(*parts: Tensors) -> Tensors:
    return {name: shape for part in parts for name, shape in part.items()}


def ends(model: Dimensions, *, norm: str = "output_norm", output: bool | None = None) -> Tensors:
    """Before the first block and after the last. `output`: whether the architecture has an output tensor
    of its own, None where a model may share the embedding's."""
    tensors = {"token_embd.weight": (model.width, model.vocabulary), f"{norm}.weight": (model.width,)}
    if output and model.tied_embeddings:
        raise model.none("llama.cpp loads it only with an output tensor of its own")
    if output or (output is None and not model.tied_embeddings):
        tensors["output.weight"] = (model.width, model.vocabulary)
    return tensors


def norms(width: int, names: Iterable[str]) -> Tensors:
    return {f"{name}.weight": (width,) for name in names}


def projections(width: int, queries: int, keys: int, values: int, *, bias: bool = False) -> Tensors:
    """Queries, keys and values of one block; lengths of all heads together."""
    tensors: Tensors = {
        "attn_q.weight": (width, queries),
        "attn_k.weight": (width, keys),
        "attn_v.weight": (width, values),
    }
    if bias:
        tensors |= {"attn_q.bias": (queries,), "attn_k.bias": (keys,), "attn_v.bias": (values,)}
    return tensors


def gated(width: int, length: int) -> Tensors:
    return {
        "ffn_gate.weight": (width, length),
        "ffn_down.weight": (length, width),
        "ffn_up.weight": (width, length),
    }


def gate_within_up(width: int, length: int) -> Tensors:
    return {"ffn_down.weight": (length, width), "ffn_up.weight": (width, 2 * length)}


def ungated(width: int, length: int) -> Tensors:
    return {"ffn_down.weight": (length, width), "ffn_up.weight": (width, length)}


def experts(width: int, length: int, count: int, *, bias: bool = False) -> Tensors:
    """A router and `count` gated experts. `bias`: the router's correction of who is chosen."""
    tensors: Tensors = {
        "ffn_gate_inp.weight": (width, count),
        "ffn_gate_exps.weight": (width, length, count),
        "ffn_down_exps.weight": (length, width, count),
        "ffn_up_exps.weight": (width, length, count),
    }
    return tensors | {"exp_probs_b.bias": (count,)} if bias else tensors


def shared_expert(width: int, length: int) -> Tensors:
    return {
        "ffn_gate_shexp.weight": (width, length),
        "ffn_down_shexp.weight": (length, width),
        "ffn_up_shexp.weight": (width, length),
    }


def further_token(
    model: Dimensions, *, own_embeddings: bool, norm: str = "nextn.shared_head_norm"
) -> Tensors:
    """What a block adds that predicts a further token (NextN, multi-token prediction)."""
    width, row = model.width, (model.width, model.vocabulary)
    tensors: Tensors = {
        "nextn.eh_proj.weight": (2 * width, width),
        "nextn.enorm.weight": (width,),
        "nextn.hnorm.weight": (width,),
        f"{norm}.weight": (width,),
    }
    if own_embeddings:
        tensors |= {"nextn.embed_tokens.weight": row, "nextn.shared_head_head.weight": row}
    return tensors
