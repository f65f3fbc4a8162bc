"""Floating-point numbers of 8 bits and fewer: sign, exponent, mantissa.

FP8: P. Micikevicius et al., "FP8 Formats for Deep Learning", 2022, table 1. FP4 and the power of two that scales a
block of it: Open Compute Project, "Microscaling Formats (MX) Specification", 2023, sections 5.3 and 5.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SmallFloat:
    """`infinite`: the largest exponent means infinity or no number, as in IEEE 754; else it is an exponent like others,
    and of its numbers only the very last is none where `has_nan`."""

    name: str
    exponent_bits: int
    mantissa_bits: int
    bias: int
    infinite: bool = False
    has_nan: bool = True

    @property
    def bits(self) -> int:
        return 1 + self.exponent_bits + self.mantissa_bits

    @cached_property
    def values(self) -> NDArray[np.float32]:
        """(2**bits,): what each code means."""
        codes = np.arange(1 << self.bits)
        half = 1 << (self.bits - 1)
        exponent = (codes % half) >> self.mantissa_bits
        fraction = (codes % (1 << self.mantissa_bits)) / (1 << self.mantissa_bits)
        # Without the leading 1, and one exponent up, where the exponent is the smallest.
        size = np.where(
            exponent == 0,
            fraction * 2.0 ** (1 - self.bias),
            (1 + fraction) * 2.0 ** (exponent.astype(float) - self.bias),
        )
        if self.infinite:
            size[exponent == (1 << self.exponent_bits) - 1] = np.nan
            size[(codes % half) == ((1 << self.exponent_bits) - 1) << self.mantissa_bits] = np.inf
        elif self.has_nan:
            size[codes % half == half - 1] = np.nan
        return np.where(codes < half, size, -size).astype(np.float32)

    @cached_property
    def largest(self) -> float:
        return float(np.max(self.values[np.isfinite(self.values)]))

    def decode(self, codes: NDArray[np.uint8]) -> NDArray[np.float32]:
        """In the shape of `codes`."""
        return self.values[codes]

    def encode(self, numbers: NDArray[np.floating]) -> NDArray[np.uint8]:
        """To the nearest one, of two equally near the one with an even code; beyond the largest, the largest."""
        half = 1 << (self.bits - 1)
        known = self.values[:half]
        sizes = known[np.isfinite(known)].astype(np.float64)
        middles = (sizes[1:] + sizes[:-1]) / 2
        size = np.abs(numbers.astype(np.float64))
        codes = np.searchsorted(middles, size)
        tied = np.append(middles, np.inf)[codes] == size
        codes += tied & (codes % 2 == 1)
        if self.has_nan or self.infinite:
            codes[np.isnan(size)] = half - 1
        return (codes + np.where(np.signbit(numbers), half, 0)).astype(np.uint8)


E4M3 = SmallFloat("E4M3", 4, 3, bias=7)
"""Without infinities, up to 448: `float8_e4m3fn`."""
E5M2 = SmallFloat("E5M2", 5, 2, bias=15, infinite=True)
E2M1 = SmallFloat("E2M1", 2, 1, bias=1, has_nan=False)
"""0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives."""
E3M2 = SmallFloat("E3M2", 3, 2, bias=3, has_nan=False)
E2M3 = SmallFloat("E2M3", 2, 3, bias=1, has_nan=False)


def power_of_two(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """E8M0: 2**(code - 127), the scale of a block; 255 is no number."""
    exact = np.ldexp(1.0, codes.astype(np.int32) - 127)
    exact = np.where(codes == 255, np.nan, exact)
    return exact.astype(np.float32)
