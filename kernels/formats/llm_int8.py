"""LLM.int8(): the few inputs that are far larger than all others are computed in full, the rest in 8 bits.

T. Dettmers et al., "LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale", 2022: section 3, equations 6 to
8. X: (n, columns) inputs of the layer, W: (rows, columns). How its weights lie in files is in `bitsandbytes`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.formats.bitsandbytes import pack_int8

Floats = NDArray[np.floating]

THRESHOLD = 6.0
"""Alpha: inputs of this size and larger are outliers (section 3.2)."""
_TOP = np.float32(127)


@dataclass(frozen=True)
class Decomposition:
    """`outliers`: the columns O whose inputs reach the threshold; `output`: (n, rows), X W^T as it comes out."""

    outliers: NDArray[np.intp]
    output: NDArray[np.float32]


def llm_int8(inputs: Floats, weights: Floats, threshold: float = THRESHOLD) -> Decomposition:
    """Equation 8. Each row of inputs and each row of weights has a scale of its own (vector-wise, equation 7)."""
    X, W = inputs.astype(np.float32), weights.astype(np.float32)
    is_outlier = np.abs(X).max(axis=0) >= threshold
    small_X, c_X = pack_int8(np.where(is_outlier, 0, X))
    small_W, c_W = pack_int8(np.where(is_outlier, 0, W))
    # Products of bytes add up in 32 bits, as on the hardware.
    products = small_X.astype(np.int32) @ small_W.astype(np.int32).T
    eight = products * np.outer(c_X / _TOP, c_W / _TOP)
    sixteen = X[:, is_outlier].astype(np.float16).astype(np.float32) @ W[:, is_outlier].T
    return Decomposition(np.flatnonzero(is_outlier), (eight + sixteen).astype(np.float32))
