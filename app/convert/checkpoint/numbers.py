"""Numbers of one type as another: the formats checkpoints come in to those a plain GGUF has."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]

STORED = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I8": "i1",
    "U8": "u1",
    "F8_E4M3": "u1",
    "F8_E5M2": "u1",
}
"""NumPy's name for the types that tensors of a checkpoint may have; those it lacks as their bits."""

BLOCKS = {"MXFP4": (32, 17), "Q4_0": (32, 18), "Q4_1": (32, 20), "Q8_0": (32, 34)}
"""Weights and bytes of a block, of the types that a checkpoint's own quantization can be kept in (ggml-common.h of
ggml). Rows of them are bytes."""


_EXPONENTS = {
    "BF16": ("<u2", 0x3880, 3, 0x4780),
    "F32": ("<u4", 0x3880_0000, -13, 0x477F_F000),
}
"""Bits of the smallest normal F16 (2**-14), how far mantissas are shifted to stand as in an F16, and the bits of what
is too large for one (of F32: what is rounded up to that)."""


def row_bytes(columns: int, kind: str) -> int:
    if kind in BLOCKS:
        weights, size = BLOCKS[kind]
        return columns // weights * size
    return columns * np.dtype(STORED[kind]).itemsize


def converted(numbers: Numbers, stored: str, wanted: str) -> Numbers:
    """`numbers` of the type `stored` as F32, F16 or BF16, rounded to nearest even.

    Unchanged to the bit where both are the same. Raises OverflowError where a number is too large
    for the wanted type, which has infinities that it would become.
    """
    if stored == wanted:
        return numbers
    try:
        with np.errstate(over="raise"):
            if wanted == "F16" and stored in _EXPONENTS:
                return _as_f16(numbers, stored)
            exact = _as_f32(numbers, stored)
            return {"F32": _same, "F16": _rounded_to_f16, "BF16": _as_bf16}[wanted](exact)
    except FloatingPointError as error:
        raise OverflowError from error


def _as_f32(numbers: Numbers, stored: str) -> Numbers:
    if stored == "BF16":
        return (numbers.astype("<u4") << 16).view("<f4")
    return numbers.astype("<f4", copy=False)


def _same(exact: Numbers) -> Numbers:
    return exact


def _rounded_to_f16(exact: Numbers) -> Numbers:
    return exact.astype("<f2")


def _as_f16(numbers: Numbers, stored: str) -> Numbers:
    """As NumPy rounds, in integers: NumPy takes each number by itself, which is several times slower.

    Only what is a normal number in both types is shifted into place; what is too small, too large or no number at all
    NumPy rounds.
    """
    unsigned, low, shift, end = _EXPONENTS[stored]
    bits = np.ascontiguousarray(numbers).view(unsigned)
    one = bits.dtype.type
    sign = bits.dtype.itemsize * 8 - 1
    magnitudes = bits & one((1 << sign) - 1)
    magnitudes -= one(low)
    others = np.flatnonzero(magnitudes >= one(end - low))
    if 4 * others.size > bits.size:
        return _rounded_to_f16(_as_f32(numbers, stored))
    if shift < 0:
        odd = magnitudes >> one(-shift)
        odd &= one(1)
        odd += one((1 << -shift - 1) - 1)
        magnitudes += odd
        magnitudes >>= one(-shift)
    else:
        magnitudes <<= one(shift)
    magnitudes += one(0x0400)  # the smallest normal F16
    halves = magnitudes.astype("<u2", copy=False)
    signs = bits >> one(sign)
    halves |= signs.astype("<u2", copy=False) << np.uint16(15)
    rest = _rounded_to_f16(_as_f32(numbers.reshape(-1)[others], stored))
    halves.reshape(-1)[others] = rest.view("<u2")
    made: Numbers = halves.view("<f2")
    return made


def _as_bf16(exact: Numbers) -> Numbers:
    bits = exact.view("<u4")
    rounded = bits >> np.uint32(16)
    rounded &= np.uint32(1)
    rounded += np.uint32(0x7FFF)
    rounded += bits
    rounded >>= np.uint32(16)
    if reaches(bits, 0x7F7F8000):  # where rounding would carry over the largest BF16
        if np.any((rounded & 0x7FFF == 0x7F80) & np.isfinite(exact)):
            raise OverflowError
        # Rounding would carry a NaN's bits over into something else.
        rounded = np.where(np.isnan(exact), (bits >> 16) | 0x40, rounded)
    return rounded.astype("<u2")


def reaches(bits: Numbers, magnitude: int) -> bool:
    """Whether any number of either sign has bits of at least `magnitude`: the largest ones seen as signed integers have
    no sign, and seen as unsigned ones they have."""
    signed = bits.view(f"<i{bits.dtype.itemsize}")
    sign = 1 << bits.dtype.itemsize * 8 - 1
    return bool(bits.size) and (int(signed.max()) >= magnitude or int(bits.max()) >= magnitude | sign)


def interleaved(rows: Numbers, head_rows: int) -> Numbers:
    """`rows` (whole heads) with the two halves of each head interleaved: 0, n/2, 1, n/2 + 1, …"""
    columns = rows.shape[1]
    halves = rows.reshape(-1, 2, head_rows // 2, columns)
    return halves.swapaxes(1, 2).reshape(-1, columns)
