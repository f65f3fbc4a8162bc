"""The size of a quantization's file."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from app.memory.mixture.choice import TYPES_BY_NAME, tensor_types
from app.memory.mixture.chosen import NONE_CHOSEN, TensorTypes
from app.memory.mixture.tensors import ShapedTensor
from app.memory.mixture.traits import ModelTraits

ALIGNMENT = 32
"""Each tensor starts at a multiple of it, in bytes: llama.cpp writes no other."""

_START_BYTES = 24
_KEYS_BYTES = 8_000
"""Some forty keys and a chat template."""
_BYTES_PER_TOKEN = 40
"""Of a vocabulary with merges: 35 of GPT-2, 39 of Qwen 2, 42 of Command R (llama.cpp's `models/ggml-vocab-*`)."""
_BYTES_PER_TOKEN_BY_SIZE = {128_256: 61}
"""Of Llama 3, where there are more than twice as many merges as tokens."""
_BYTES_PER_TOKEN_OF = {"gemma": 24, "gemma2": 24, "gemma3": 24, "gemma3n": 24, "gemma4": 60}
"""Gemma's is large, and has no merges up to version 3."""


def predict_file_bytes(
    tensors: Sequence[ShapedTensor],
    model: ModelTraits,
    quantization: str,
    *,
    importance_matrix: bool = False,
    chosen: TensorTypes = NONE_CHOSEN,
    header_bytes: int | None = None,
) -> int:
    """Bytes of the file that `llama_model_quantize` writes, tensors padded as it does.

    `header_bytes`: where tensor data begin in a file of the same model, which another quantization changes
    by less than 100; estimated without. Raises what `tensor_types` raises.
    """
    types = tensor_types(tensors, model, quantization, importance_matrix=importance_matrix, chosen=chosen)
    if header_bytes is None:
        header_bytes = _estimated_header(tensors, model.architecture)
    return aligned(header_bytes) + sum(
        aligned(tensor_bytes(tensor, type)) for tensor, type in zip(tensors, types, strict=True)
    )


def tensor_bytes(tensor: ShapedTensor, type_name: str) -> int:
    return TYPES_BY_NAME[type_name].size_bytes(prod(tensor.shape))


def aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _estimated_header(tensors: Sequence[ShapedTensor], architecture: str) -> int:
    """The list of tensors is counted, the rest a guess by the size of the vocabulary."""
    listed = sum(
        8 + len(tensor.name.encode(errors="replace")) + 4 + 8 * len(tensor.shape) + 12 for tensor in tensors
    )
    vocabulary = max(
        (tensor.shape[-1] for tensor in tensors if tensor.name == "token_embd.weight"), default=0
    )
    per_token = _BYTES_PER_TOKEN_OF.get(
        architecture, _BYTES_PER_TOKEN_BY_SIZE.get(vocabulary, _BYTES_PER_TOKEN)
    )
    return _START_BYTES + _KEYS_BYTES + listed + vocabulary * per_token
