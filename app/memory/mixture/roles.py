"""What a tensor is for, told from its name, and which tensors are not quantized at all.

Names as in `src/llama-arch.cpp` of llama.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum, auto
from functools import lru_cache

from app.gguf.header import TensorInfo
from app.memory.mixture.tensors import ShapedTensor, dimensions


class Role(Enum):
    OUTPUT = auto()
    EMBEDDING = auto()
    VALUES = auto()
    """Also where queries and keys, or compressed keys, are fused with them."""
    KEYS = auto()
    QUERIES = auto()
    ATTENTION_OUTPUT = auto()
    FFN_UP = auto()
    FFN_GATE = auto()
    FFN_DOWN = auto()
    OTHER = auto()


FEED_FORWARD = frozenset({Role.FFN_UP, Role.FFN_GATE, Role.FFN_DOWN})

TOKEN_EMBEDDING = "token_embd.weight"

_BY_NAME = {
    "output.weight": Role.OUTPUT,
    TOKEN_EMBEDDING: Role.EMBEDDING,
    "per_layer_token_embd.weight": Role.EMBEDDING,
}

_BY_PART = (
    ("attn_qkv.weight", Role.VALUES),
    ("attn_kv_b.weight", Role.VALUES),
    ("attn_v.weight", Role.VALUES),
    ("attn_k.weight", Role.KEYS),
    ("attn_q.weight", Role.QUERIES),
    ("attn_output.weight", Role.ATTENTION_OUTPUT),
    ("ffn_up", Role.FFN_UP),
    ("ffn_gate", Role.FFN_GATE),
    ("ffn_down", Role.FFN_DOWN),
)
"""The first that is in the name."""

_OF_TIME_MIX = (
    *("first", "w0", "w1", "w2", "v0", "v1", "v2", "a0", "a1", "a2"),
    *("g1", "g2", "decay_w1", "decay_w2", "lerp_fused"),
)
"""Of RWKV."""

_LEFT_ALONE = (
    "_norm.weight",
    "ffn_gate_inp.weight",
    "ffn_gate_tid2eid.weight",
    "altup",
    "laurel",
    "per_layer_model_proj",
    "ssm_conv1d",
    "shortconv.conv.weight",
    "indexer.k_proj.weight",
    "indexer.q_proj.weight",
    *(f"time_mix_{part}.weight" for part in _OF_TIME_MIX),
    "attn_rel_b.weight",
    ".position_embd",
    "sam.pos_embd",
    "sam.neck.",
    "sam.net_",
    ".rel_pos",
    ".patch_embd",
    ".patch_merger",
    "a.rvq.codebook",
    "mm.a.code_embd",
)
"""Parts of the names of matrices that keep their type: small ones, and what suffers most."""

_POSITIONS = frozenset({"position_embd.weight", "token_types.weight"})

_LEFT_ALONE_OF = {
    "glm5-next": (
        "hc_",
        "indexer.attn_q_b",
        "indexer.attn_k",
        "indexer.proj",
        "indexer_compressor_gate",
        "indexer_compressor_ape",
        "ssm_f_a.weight",
        "ssm_f_b.weight",
        "ssm_g_a.weight",
        "ssm_g_b.weight",
        "ssm_beta.weight",
        "attn_kv_a_mqa.weight",
        "attn_k_b.weight",
        "attn_v_b.weight",
    )
}

_FULL_PRECISION = (  # among those that are left alone
    "_norm.weight",
    "ffn_gate_inp.weight",
    "ssm_conv1d",
    "shortconv.conv.weight",
    "time_mix_first.weight",
    "time_mix_w1.weight",
    "time_mix_w2.weight",
    "time_mix_decay_w1.weight",
    "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight",
    "altup_correct_coef.weight",
    "altup_predict_coef.weight",
    "indexer.",
    "hc_",
    ".position_embd",
)
_WHOLE_NUMBERS = "ffn_gate_tid2eid"


def _any_of(parts: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(part) for part in parts))


_NAMES = 1 << 14
"""What is known of so many names is kept: models have them in common, and each quantization asks for all of them."""

_LEFT_ALONE_ANYWHERE = _any_of(_LEFT_ALONE)
_FULL_PRECISION_ANYWHERE = _any_of(_FULL_PRECISION)


@lru_cache(maxsize=_NAMES)
def role_of(name: str) -> Role:
    if name in _BY_NAME:
        return _BY_NAME[name]
    return next((role for part, role in _BY_PART if part in name), Role.OTHER)


def is_output_or_embedding(name: str) -> bool:
    return role_of(name) in (Role.OUTPUT, Role.EMBEDDING)


def is_left_alone(tensor: ShapedTensor, architecture: str) -> bool:
    """Vectors, whatever is no weight, and the matrices named above."""
    return dimensions(tensor.shape) < 2 or _is_named_so(tensor.name, architecture)


@lru_cache(maxsize=_NAMES)
def _is_named_so(name: str, architecture: str) -> bool:
    if not name.endswith("weight") or name in _POSITIONS or _LEFT_ALONE_ANYWHERE.search(name):
        return True
    return any(part in name for part in _LEFT_ALONE_OF.get(architecture, ()))


def kept_type(tensor: ShapedTensor) -> str:
    """The type of a tensor that is left alone: its file's, or the one that llama.cpp's converter
    (`conversion/base.py`) writes beside weights of 16 bits where there is no file."""
    if isinstance(tensor, TensorInfo):
        return tensor.type
    name = tensor.name
    if _WHOLE_NUMBERS in name:
        return "I32"
    if dimensions(tensor.shape) < 2 or not name.endswith(".weight") or name in _POSITIONS:
        return "F32"
    return "F32" if _FULL_PRECISION_ANYWHERE.search(name) else "F16"
