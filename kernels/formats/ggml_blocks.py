"""Grouped integers as blocks of a GGUF, without rounding the weights a second time.

A block holds 32 weights of a row (ggml-common.h of ggml):

    Q4_0  18 bytes  F16 d; 16 bytes, byte j with weight j in its low and weight j + 16 in its high half:  (q - 8) * d
    Q4_1  20 bytes  F16 d, F16 m; the same 16 bytes:  q * d + m
    Q8_0  34 bytes  F16 d; 32 signed bytes:  q * d

So symmetric 4-bit integers are Q4_0 and symmetric 8-bit ones Q8_0 as they stand: the same integers, the same scales. Of
asymmetric 4-bit ones m = -zero * d is rounded to F16, once: each weight is off by at most half a unit in the last
place of that product, 2**-11 of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.formats.grouped import GroupedIntegers, Groups

BLOCK = 32

Q4_0 = np.dtype([("d", "<f2"), ("qs", "<u8", 2)])
Q4_1 = np.dtype([("d", "<f2"), ("m", "<f2"), ("qs", "<u8", 2)])
Q8_0 = np.dtype([("d", "<f2"), ("qs", "<u8", 4)])
"""The bytes of weights, `qs`, are taken eight at a time: loops over 16 of them cost NumPy more than what they do."""

Blocks = NDArray[np.uint8]


def exact_type(integers: GroupedIntegers | Groups) -> str | None:
    """The type of block that holds them without a second rounding ("Q4_1": but for one product); None where none does.

    Wanted are 4 bits (8 bits symmetric), groups of whole blocks in order, and scales that are F16 numbers, or none at
    all there as here.
    """
    groups = integers.groups if isinstance(integers, GroupedIntegers) else integers
    if groups.group_of_column is not None or groups.columns % BLOCK or groups.group_size % BLOCK:
        return None
    with np.errstate(over="ignore"):
        half = groups.scales.astype(np.float16)
    if not np.array_equal(half, groups.scales, equal_nan=True):
        return None
    if groups.bits == 8:
        return "Q8_0" if groups.is_symmetric else None
    if groups.bits == 4:
        return "Q4_0" if groups.is_symmetric else "Q4_1"
    return None


def to_q4_0(integers: GroupedIntegers) -> Blocks:
    """(rows, columns / 32 * 18) bytes. `integers`: symmetric, 4 bits."""
    return _filled(Q4_0, integers, _halves(integers), d=integers.scales)


def to_q4_1(integers: GroupedIntegers) -> Blocks:
    """(rows, columns / 32 * 20) bytes. `integers`: 4 bits."""
    scales = integers.scales.astype(np.float32)
    return _filled(Q4_1, integers, _halves(integers), d=scales, m=-integers.zeros * scales)


def to_q8_0(integers: GroupedIntegers) -> Blocks:
    """(rows, columns / 32 * 34) bytes. `integers`: symmetric, 8 bits."""
    # The middle of the codes is their highest bit, and turning that is to subtract it.
    middle = np.uint64(0x8080_8080_8080_8080)
    return _filled(Q8_0, integers, [eight ^ middle for eight in _eights(integers)], d=integers.scales)


def _eights(integers: GroupedIntegers) -> list[NDArray[np.uint64]]:
    """For the first to the last eight weights of a block, (rows, blocks) of them."""
    rows, columns = integers.codes.shape
    codes = np.ascontiguousarray(integers.codes).view("<u8").reshape(rows, columns // BLOCK, BLOCK // 8)
    return [codes[..., place] for place in range(BLOCK // 8)]


def _halves(integers: GroupedIntegers) -> list[NDArray[np.uint64]]:
    """Two weights a byte, those of the second half of the block in the high bits."""
    first, second, third, fourth = _eights(integers)
    high = np.uint64(4)
    return [first | third << high, second | fourth << high]


def _filled(
    block: np.dtype[np.void],
    integers: GroupedIntegers,
    weights: list[NDArray[np.uint64]],
    **by_group: NDArray[np.floating],
) -> Blocks:
    rows, columns = integers.codes.shape
    blocks = np.empty((rows, columns // BLOCK), block)
    for place, eight in enumerate(weights):
        blocks["qs"][..., place] = eight
    for name, numbers in by_group.items():
        blocks[name] = np.repeat(numbers.astype(np.float16), integers.group_size // BLOCK, axis=1)
    return blocks.view(np.uint8)
