"""An importance matrix as llama.cpp's quantizer takes it, with the keys that tell of it in the file that is made."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp

from app.gguf.importance import read_importance, told_of


def give_importance(parameters: llama_cpp.llama_model_quantize_params, path: Path) -> None:
    """Sets `imatrix` and `kv_overrides` of `parameters`. The keys are llama-quantize's, with the file's name in place
    of its path. Raises what `read_importance` raises."""
    matrix = read_importance(path)
    rows = {name: each.weights() for name, each in matrix.tensors.items()}
    entries = (llama_cpp.llama_model_imatrix_data * (len(rows) + 1))()  # ends where a name is missing
    for entry, (name, weights) in zip(entries, rows.items(), strict=False):
        entry.name = name.encode()
        entry.data = weights.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        entry.size = weights.size
    overrides = _overrides(told_of(path.name, matrix))
    parameters.imatrix, parameters.kv_overrides = entries, overrides
    # They are only pointed to, and must live as long as the parameters.
    parameters.nibble_owns = (entries, rows, overrides)


def _overrides(keys: Sequence[tuple[str, str | int]]) -> ctypes.Array[Any]:
    """Ends with an empty key."""
    overrides: ctypes.Array[Any] = (llama_cpp.llama_model_kv_override * (len(keys) + 1))()
    for override, (key, value) in zip(overrides, keys, strict=False):
        override.key = key.encode()
        if isinstance(value, int):
            override.tag, override.value.val_i64 = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_INT, value
        else:
            override.tag, override.value.val_str = llama_cpp.LLAMA_KV_OVERRIDE_TYPE_STR, value.encode()
    return overrides
