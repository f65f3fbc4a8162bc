"""AWQ's files: integers of 4 bits with a zero point, in the order its kernels read them.

J. Lin et al., "AWQ: Activation-aware Weight Quantization for LLM Compression and Acceleration", 2023; the layouts are
AutoAWQ's (`WQLinear_GEMM`, `WQLinear_GEMV`). For a layer with `columns` inputs and `rows` outputs:

    GEMM   qweight  int32  (columns, rows / 8)      eight outputs in a word, in the order ORDER
           qzeros   int32  (groups, rows / 8)       packed the same way
           scales   F16    (groups, rows)
    GEMV   qweight  int32  (rows, columns / 8)      eight inputs in a word, in order
           qzeros   int32  (rows, width)            groups in order, filled up to whole words
           scales   F16    (rows, width * 8)        filled up likewise

Zero points are stored as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.formats.grouped import GroupedIntegers, Groups, Scales
from kernels.formats.words import Codes, as_words, pack_words, transposed, unpack_words

BITS = 4
IN_WORD = 8
ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
"""Which of eight outputs stands at each place of a word, from the lowest bits on."""


@dataclass(frozen=True)
class AwqTensors:
    """One layer as it is stored; shapes above."""

    qweight: NDArray[np.integer]
    qzeros: NDArray[np.integer]
    scales: Scales


def unpack_gemm(stored: AwqTensors) -> GroupedIntegers:
    """Raises ValueError where the tensors do not belong together."""
    groups = gemm_groups(stored)
    return groups.of(_outputs(stored.qweight))


def gemm_groups(stored: AwqTensors) -> Groups:
    """Of `qweight` only the shape counts. Raises ValueError where the tensors do not belong together."""
    columns, words = as_words(stored.qweight).shape
    rows = words * IN_WORD
    zeros = _outputs(stored.qzeros)
    groups = stored.scales.shape[0]
    if (
        stored.scales.shape != (groups, rows)
        or zeros.shape != (rows, groups)
        or not groups
        or columns % groups
    ):
        raise ValueError(
            f"scales {stored.scales.shape} and zero points {zeros.shape[::-1]} do not fit {columns} inputs"
            f" and {rows} outputs"
        )
    return Groups(BITS, columns, stored.scales.T, zeros.astype(np.int16))


def gemm_outputs(stored: AwqTensors, outputs: slice) -> AwqTensors:
    """The part that some outputs are stored in; they begin and end with a multiple of eight."""
    words = slice(outputs.start // IN_WORD, outputs.stop // IN_WORD)
    return AwqTensors(stored.qweight[:, words], stored.qzeros[:, words], stored.scales[:, outputs])


def pack_gemm(integers: GroupedIntegers) -> AwqTensors:
    """Raises ValueError unless the number of outputs is a multiple of eight, and for groups out of order."""
    _expect_in_order(integers)
    return AwqTensors(
        qweight=pack_words(_shuffled(integers.codes.T), BITS).view("<i4"),
        qzeros=pack_words(_shuffled(integers.zeros.T.astype(np.uint8)), BITS).view("<i4"),
        scales=np.ascontiguousarray(integers.scales.T).astype(np.float16),
    )


def unpack_gemv(stored: AwqTensors, group_size: int) -> GroupedIntegers:
    """Raises ValueError where the tensors do not belong together."""
    groups = gemv_groups(stored, group_size)
    return groups.of(unpack_words(as_words(stored.qweight), BITS))


def gemv_groups(stored: AwqTensors, group_size: int) -> Groups:
    """Of `qweight` only the shape counts. Raises ValueError where the tensors do not belong together."""
    rows, words = as_words(stored.qweight).shape
    columns = words * IN_WORD
    if group_size <= 0 or columns % group_size:
        raise ValueError(f"{columns} inputs do not make groups of {group_size}")
    groups = columns // group_size
    zeros = unpack_words(as_words(stored.qzeros), BITS)
    if (
        zeros.shape[0] != rows
        or stored.scales.shape[0] != rows
        or min(zeros.shape[1], stored.scales.shape[1]) < groups
    ):
        raise ValueError(
            f"scales {stored.scales.shape} and zero points {zeros.shape} do not fit {rows} outputs with {groups} groups"
        )
    return Groups(BITS, columns, stored.scales[:, :groups], zeros[:, :groups].astype(np.int16))


def gemv_outputs(stored: AwqTensors, outputs: slice) -> AwqTensors:
    return AwqTensors(stored.qweight[outputs], stored.qzeros[outputs], stored.scales[outputs])


def pack_gemv(integers: GroupedIntegers) -> AwqTensors:
    """Raises ValueError unless the number of inputs is a multiple of eight, and for groups out of order."""
    _expect_in_order(integers)
    groups = integers.scales.shape[1]
    spare = _width(groups, integers.group_size) * IN_WORD - groups
    filled = ((0, 0), (0, spare))
    return AwqTensors(
        qweight=pack_words(integers.codes, BITS).view("<i4"),
        qzeros=pack_words(np.pad(integers.zeros.astype(np.uint8), filled), BITS).view("<i4"),
        scales=np.pad(integers.scales.astype(np.float16), filled),
    )


def _width(groups: int, group_size: int) -> int:
    """Words for the zero points of a row: the kernel reads so many at once that small groups need more."""
    together = {64: 2, 32: 4}.get(group_size, 1)
    words = -(-groups // IN_WORD)
    return -(-words // together) * together


def _outputs(packed: NDArray[np.integer]) -> Codes:
    """(n, rows / 8) words of eight outputs each as (rows, n) codes."""
    words = transposed(as_words(packed))
    octets = words.astype("<u4", copy=False).view(np.uint8).reshape(*words.shape, 4)
    codes = np.empty((len(words), IN_WORD, words.shape[1]), np.uint8)
    for place in range(0, IN_WORD, 2):
        pairs = np.ascontiguousarray(octets[..., place // 2])  # or each step would walk over the whole words
        np.bitwise_and(pairs, 15, out=codes[:, ORDER[place]])
        np.right_shift(pairs, BITS, out=codes[:, ORDER[place + 1]])
    return codes.reshape(-1, words.shape[1])


def _shuffled(codes: Codes) -> Codes:
    if codes.shape[-1] % IN_WORD:
        raise ValueError(f"{codes.shape[-1]} outputs do not fill words of {IN_WORD}")
    words = codes.reshape(*codes.shape[:-1], -1, IN_WORD)
    return words[..., list(ORDER)].reshape(codes.shape)


def _expect_in_order(integers: GroupedIntegers) -> None:
    if integers.bits != BITS or integers.group_of_column is not None:
        raise ValueError("AWQ stores 4 bits in groups of neighbours")
