"""Models that were trained to be quantized (QAT), and for which type: told by their name, or by the weights themselves.

B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018:
while it is trained, a model computes with rounded weights, and so learns to live with one way of rounding. What is
published are often the weights before they are rounded, in full precision, as of Gemma 3: only the name tells then.
"""

from __future__ import annotations

from pathlib import Path

from app.convert.checkpoint.config import Config, read_json
from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.quantization_method import quantization_method
from app.convert.checkpoint.weights import Weights, open_weights
from app.convert.quantizations import QUANTIZATIONS
from app.hub.file_names import read_file_name

GRID = "Q4_0"
"""Of the types that models are trained for, the one whose rounding is looked for in weights."""
ON_GRID = 0.01
"""Relative error of weights that lie on the grid: BF16 is off by 0.2 % of what it holds; Q4_0 rounds others by 8 %."""
_READABLE = ("F32", "F16", "BF16")
_MOST_MATRICES = 8
_MOST_WEIGHTS = 1 << 18
"""Of each matrix."""
_NOT_TRAINED = ("embed_tokens", "lm_head")
"""What is often left as it is."""


def named_qat_type(name: str) -> str | None:
    """`gemma-3-4b-it-qat-q4_0-unquantized` -> "Q4_0"; None for a name that tells no such training, or no type of
    llama.cpp."""
    read = read_file_name(f"{name.rpartition('/')[2]}.gguf")
    known = {kind.name for kind in QUANTIZATIONS}
    return read.quantization if read.is_qat and read.quantization in known else None


def trained_for(folder: Path) -> str | None:
    """The type a checkpoint in full precision was trained for; reads a few megabytes. Raises as
    `convert_checkpoint`."""
    checkpoint = CheckpointFolder(folder)
    path = checkpoint.require("config.json", "Choose a checkpoint's folder, with all its files.")
    if quantization_method(Config(read_json(path))) is not None:
        return None  # it holds integers, which are kept
    named = named_qat_type(checkpoint.name)
    if named is not None:
        return named
    with open_weights(checkpoint) as weights:
        error = grid_error(weights)
    return GRID if error is not None and error < ON_GRID else None


def grid_error(weights: Weights) -> float | None:
    """How far Q4_0 would move some of the weights: the root of the mean square, relative to that of the weights. None
    where there is nothing to look at."""
    import gguf
    import numpy as np

    from app.convert.checkpoint.numbers import converted
    from app.convert.checkpoint.tensors import PlainTensor

    matrices = [
        PlainTensor(stored, weights)
        for name, stored in weights.tensors.items()
        if stored.dtype in _READABLE
        and len(stored.shape) == 2
        and stored.shape[1] % 32 == 0
        and 0 < stored.shape[1] <= _MOST_WEIGHTS
        and stored.shape[0]
        and not any(part in name for part in _NOT_TRAINED)
    ]
    moved = size = 0.0
    for matrix in matrices[:: -(-len(matrices) // _MOST_MATRICES) or 1]:
        rows = min(matrix.shape[0], max(_MOST_WEIGHTS // matrix.shape[1], 1))
        some = converted(matrix.rows(0, rows), matrix.dtype, "F32")
        kind = gguf.GGMLQuantizationType.Q4_0
        off = gguf.quants.dequantize(gguf.quants.quantize(some, kind), kind) - some
        moved += float(np.sum(np.square(off, dtype=np.float64)))
        size += float(np.sum(np.square(some, dtype=np.float64)))
    return (moved / size) ** 0.5 if size > 0 else None
