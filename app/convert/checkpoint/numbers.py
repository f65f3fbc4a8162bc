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
            exact = _as_f32(numbers, stored)
            return {"F32": _same, "F16": _as_f16, "BF16": _as_bf16}[wanted](exact)
    except FloatingPointError as error:
        raise OverflowError from error


def _as_f32(numbers: Numbers, stored: str) -> Numbers:
    if stored == "BF16":
        return (numbers.astype("<u4") << 16).view("<f4")
    return numbers.astype("<f4", copy=False)


def _same(exact: Numbers) -> Numbers:
    return exact


def _as_f16(exact: Numbers) -> Numbers:
    return exact.astype("<f2")


def _as_bf16(exact: Numbers) -> Numbers:
    bits = exact.view("<u4")
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    if np.any((rounded & 0x7FFF == 0x7F80) & np.isfinite(exact)):
        raise OverflowError
    # Rounding would carry a NaN's bits over into something else.
    return np.where(np.isnan(exact), (bits >> 16) | 0x40, rounded).astype("<u2")


def interleaved(rows: Numbers, head_rows: int) -> Numbers:
    """`rows` (whole heads) with the two halves of each head interleaved: 0, n/2, 1, n/2 + 1, …"""
    columns = rows.shape[1]
    halves = rows.reshape(-1, 2, head_rows // 2, columns)
    return halves.swapaxes(1, 2).reshape(-1, columns)
