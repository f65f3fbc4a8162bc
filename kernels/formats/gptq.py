"""GPTQ's files: integers of 2, 3, 4 or 8 bits, packed along the inputs of a layer.

E. Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", 2022; the layout
is AutoGPTQ's (`QuantLinear.pack`), which GPTQModel writes too. For a layer with `columns` inputs and `rows` outputs:

    qweight  int32  (columns * bits / 32, rows)  codes, the first input of a word in its lowest bits
    qzeros   int32  (groups, rows * bits / 32)   zero points, packed along the outputs
    scales   F16    (groups, rows)
    g_idx    int32  (columns,)                   the group of each input; out of order after "act-order" (desc_act)

Version 1 stores each zero point less one, so that zero becomes the largest number (`checkpoint_format` "gptq"); version
2 stores it as it is ("gptq_v2").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.formats.grouped import GroupedIntegers, Groups, Scales, neighbours
from kernels.formats.words import WIDTHS, WORD_BITS, as_words, pack_words, transposed, unpack_words


@dataclass(frozen=True)
class GptqTensors:
    """One layer as it is stored; shapes above."""

    qweight: NDArray[np.integer]
    qzeros: NDArray[np.integer]
    scales: Scales
    g_idx: NDArray[np.integer] | None = None


def unpack_gptq(stored: GptqTensors, bits: int, version: int = 1) -> GroupedIntegers:
    """Raises ValueError where the tensors do not belong together."""
    groups = gptq_groups(stored, bits, version)
    codes = unpack_words(transposed(as_words(stored.qweight)), bits)
    return groups.of(codes)


def gptq_groups(stored: GptqTensors, bits: int, version: int = 1) -> Groups:
    """Of `qweight` only the shape counts. Raises ValueError where the tensors do not belong together."""
    if bits not in WIDTHS:
        raise ValueError(f"GPTQ has no {bits} bits")
    words, rows = as_words(stored.qweight).shape
    columns = words * WORD_BITS // bits
    groups = stored.scales.shape[0]
    zeros = unpack_words(as_words(stored.qzeros), bits)[:, :rows].T.astype(np.int16)
    if stored.scales.shape != (groups, rows) or zeros.shape != (rows, groups):
        raise ValueError(
            f"{groups} groups of scales do not fit {rows} outputs and {zeros.shape[1]} of zero points"
        )
    if not groups or (columns % groups and stored.g_idx is None):
        raise ValueError(f"{columns} inputs cannot share {groups} groups")
    if version == 1:
        # With the word's own arithmetic: the largest number, stored for zero, becomes zero again.
        zeros = (zeros + 1) & ((1 << bits) - 1)
    return Groups(bits, columns, stored.scales.T, zeros, _order(stored.g_idx, columns, groups))


def gptq_outputs(stored: GptqTensors, outputs: slice, bits: int) -> GptqTensors:
    """The part that some outputs are stored in; they begin and end with a multiple of 32, or with the last one."""
    in_words = slice(outputs.start * bits // WORD_BITS, -(-outputs.stop * bits // WORD_BITS))
    return GptqTensors(
        stored.qweight[:, outputs], stored.qzeros[:, in_words], stored.scales[:, outputs], stored.g_idx
    )


def pack_gptq(integers: GroupedIntegers, version: int = 1) -> GptqTensors:
    """As AutoGPTQ would store them. Raises ValueError where rows or columns do not fill words."""
    bits = integers.bits
    mask = (1 << bits) - 1
    zeros = (integers.zeros - (1 if version == 1 else 0)) & mask
    columns = integers.codes.shape[1]
    order = integers.group_of_column
    if order is None:
        order = np.arange(columns) // integers.group_size
    return GptqTensors(
        qweight=np.ascontiguousarray(pack_words(integers.codes, bits).T).view("<i4"),
        qzeros=pack_words(np.ascontiguousarray(zeros.T.astype(np.uint8)), bits).view("<i4"),
        scales=np.ascontiguousarray(integers.scales.T).astype(np.float16),
        g_idx=order.astype(np.int32),
    )


def _order(g_idx: NDArray[np.integer] | None, columns: int, groups: int) -> NDArray[np.int64] | None:
    if g_idx is None:
        return None
    if g_idx.shape != (columns,) or g_idx.min(initial=0) < 0 or g_idx.max(initial=0) >= groups:
        raise ValueError(f"g_idx does not give each of {columns} inputs one of {groups} groups")
    if columns % groups == 0 and neighbours(g_idx, columns // groups):
        return None
    return g_idx.astype(np.int64)
