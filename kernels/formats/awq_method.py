"""AWQ: weights that meet large inputs are scaled up before they are rounded, and the inputs down.

J. Lin et al., "AWQ: Activation-aware Weight Quantization for On-Device LLM Compression and Acceleration", 2023: section
3.2, equations 4 and 5, in whose letters this is written. W: (rows, columns), X: (n, columns) inputs of the layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.formats.rounding import round_to_nearest

Floats = NDArray[np.floating]

GRID = 20
"""How many alphas from 0 on are tried, as in the authors' code."""


@dataclass(frozen=True)
class AwqScale:
    """`scale`: (columns,), by which weights are multiplied and inputs divided. `error` and `plain_error`: the mean
    square of what layers' outputs are off, with it and without."""

    scale: NDArray[np.float32]
    alpha: float
    error: float
    plain_error: float


def awq_scale(
    weights: Floats, inputs: Floats, bits: int, group_size: int, *, symmetric: bool = False, grid: int = GRID
) -> AwqScale:
    """The best s = s_X^alpha of those tried (equation 5), s_X the mean size of each input (equation 4).

    Layers that share their inputs (query, key, value) are one: stack their rows.
    """
    W, X = weights.astype(np.float32), inputs.astype(np.float32)
    s_X = np.abs(X).mean(axis=0)
    exact = X @ W.T
    tried = []
    for alpha in np.arange(grid) / grid:
        s = _normalized(s_X**alpha)
        Q = round_to_nearest(W * s, bits, group_size, symmetric=symmetric).dequantized()
        off = (X / s) @ Q.T - exact
        tried.append(AwqScale(s, float(alpha), float(np.mean(np.square(off, dtype=np.float64))), 0.0))
    best = min(tried, key=lambda each: each.error)
    return AwqScale(best.scale, best.alpha, best.error, plain_error=tried[0].error)


def awq_scale_of_squares(
    weights: Floats, squares: Floats, bits: int, group_size: int, *, symmetric: bool = False, grid: int = GRID
) -> AwqScale:
    """As `awq_scale`, where of the inputs only the mean square of each is known, `squares` (columns,), as an importance
    matrix tells it: s_X is its root, and errors are those of outputs whose inputs are independent."""
    W = weights.astype(np.float32)
    s_X = np.sqrt(squares.astype(np.float32))
    tried = []
    for alpha in np.arange(grid) / grid:
        s = _normalized(s_X**alpha)
        Q = round_to_nearest(W * s, bits, group_size, symmetric=symmetric).dequantized()
        error = np.square(Q / s - W).mean(axis=0) @ squares
        tried.append(AwqScale(s, float(alpha), float(error), 0.0))
    best = min(tried, key=lambda each: each.error)
    return AwqScale(best.scale, best.alpha, best.error, plain_error=tried[0].error)


def _normalized(s: Floats) -> NDArray[np.float32]:
    """Around 1, so that norms it is folded into keep their size; an input that is always zero keeps its weights."""
    bounded: NDArray[np.float32] = np.maximum(s.astype(np.float32), np.float32(1e-4))
    normalized: NDArray[np.float32] = bounded / np.sqrt(bounded.max() * bounded.min())
    return normalized
