"""Round to nearest: the simplest quantization, and what every other method is measured against.

Uniform affine quantization with the largest and the smallest weight of a group as its ends, as in E. Frantar et al.,
"GPTQ", 2022, whose `Quantizer` this follows: symmetric scales make the largest size the end of both sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.formats.grouped import GroupedIntegers

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """The numbers a group can have: (code - zero) * scale for codes from 0 to 2**bits - 1. `scale`, `zero`: (rows,)."""

    bits: int
    scale: Floats
    zero: Floats

    def codes(self, weights: Floats) -> NDArray[np.uint8]:
        """(rows, n) weights, each to the nearest number of its row's grid."""
        codes: Floats = np.rint(weights / self.scale[:, None]) + self.zero[:, None]
        return codes.clip(0, (1 << self.bits) - 1).astype(np.uint8)

    def numbers(self, codes: NDArray[np.uint8]) -> Floats:
        return (codes - self.zero[:, None]) * self.scale[:, None]


def fit_grid(weights: Floats, bits: int, symmetric: bool) -> Grid:
    """For each row of (rows, n) weights."""
    top = (1 << bits) - 1
    low = np.minimum(weights.min(axis=1), 0)
    high = np.maximum(weights.max(axis=1), 0)
    if symmetric:
        high = np.maximum(high, -low)
        low = -high
    spread = np.where(high > low, high - low, 1)
    scale = (spread / top).astype(np.float32)
    if symmetric:
        return Grid(bits, scale, np.full(len(weights), (top + 1) // 2, np.float32))
    return Grid(bits, scale, np.rint(-low / scale).astype(np.float32))


def round_to_nearest(
    weights: NDArray[np.floating], bits: int, group_size: int | None = None, *, symmetric: bool
) -> GroupedIntegers:
    """(rows, columns) weights. `group_size`: columns with one scale; the whole row ("per channel") where None.

    Raises ValueError where the columns are no multiple of it. Per tensor is a tensor of one row.
    """
    rows, columns = weights.shape
    size = group_size or columns
    if columns % size:
        raise ValueError(f"{columns} columns do not make groups of {size}")
    groups = weights.astype(np.float32).reshape(rows * (columns // size), size)
    grid = fit_grid(groups, bits, symmetric)
    return GroupedIntegers(
        bits,
        grid.codes(groups).reshape(rows, columns),
        grid.scale.reshape(rows, -1),
        grid.zero.reshape(rows, -1).astype(np.int16),
    )
