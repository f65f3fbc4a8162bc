"""Integers with one scale and one zero point for each group of a row: what GPTQ, AWQ and their kin store.

    weight[row, column] = (code[row, column] - zero[row, group]) * scale[row, group]

(uniform affine quantization; B. Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", 2018, equation 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.formats.words import Codes

Scales = NDArray[np.floating]


@dataclass(frozen=True)
class Groups:
    """How integers become weights, without the integers: of rows of `columns`; else as in GroupedIntegers."""

    bits: int
    columns: int
    scales: Scales
    zeros: NDArray[np.int16]
    group_of_column: NDArray[np.int64] | None = None

    @property
    def group_size(self) -> int:
        return int(self.columns // self.scales.shape[1])

    @property
    def is_symmetric(self) -> bool:
        """Whether each zero point is the middle of the codes, so that the scale alone tells the weight."""
        return bool(np.all(self.zeros == 1 << (self.bits - 1)))

    def of(self, codes: Codes) -> GroupedIntegers:
        return GroupedIntegers(self.bits, codes, self.scales, self.zeros, self.group_of_column)


@dataclass(frozen=True)
class GroupedIntegers:
    """`codes`: (rows, columns), from 0 to 2**bits - 1. `scales` and `zeros`: (rows, groups).

    `group_of_column`: (columns,), which group each column is of; None where groups are neighbours of one length, as
    they are unless columns were sorted by activation ("act-order").
    """

    bits: int
    codes: Codes
    scales: Scales
    zeros: NDArray[np.int16]
    group_of_column: NDArray[np.int64] | None = None

    @property
    def groups(self) -> Groups:
        return Groups(self.bits, self.codes.shape[1], self.scales, self.zeros, self.group_of_column)

    @property
    def group_size(self) -> int:
        return self.groups.group_size

    @property
    def is_symmetric(self) -> bool:
        return self.groups.is_symmetric

    def dequantized(self) -> NDArray[np.float32]:
        """(rows, columns)."""
        groups = self.group_of_column
        scales = self.scales.astype(np.float32)
        if groups is None:
            weights = self.codes.reshape(*scales.shape, -1).astype(np.float32)
            weights -= self.zeros[..., None]
            weights *= scales[..., None]
            return weights.reshape(self.codes.shape)
        return (self.codes - self.zeros[:, groups]).astype(np.float32) * scales[:, groups]


def neighbours(group_of_column: NDArray[np.integer], group_size: int) -> bool:
    """Whether groups are runs of `group_size` columns in order."""
    columns = np.arange(len(group_of_column))
    return bool(np.array_equal(group_of_column, columns // group_size))
