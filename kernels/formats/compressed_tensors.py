"""compressed-tensors' files, as vLLM's LLM Compressor writes them: signed integers with a scale for each group.

The layouts are those of the library compressed-tensors ("pack-quantized" and "int-quantized"); its FP8
("float-quantized") is in `fp8`. For a layer with `columns` inputs and `rows` outputs:

    weight_packed      int32  (rows, columns * bits / 32)   codes plus 2**(bits - 1), the first in the lowest bits
    weight_scale       (rows, groups); (rows, 1) per channel
    weight_zero_point  int32  (rows * bits / 32, groups)    likewise, packed along the outputs; absent where symmetric
    weight_g_idx       int32  (columns,)                    the group of each input, or all -1; absent where in order
    weight_shape       (rows, columns)

"int-quantized" has the codes as they are, one in a byte (`weight`, int8).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.formats.grouped import GroupedIntegers, Groups, Scales, neighbours
from kernels.formats.words import WORD_BITS, Codes, as_words, pack_words, transposed, unpack_words


@dataclass(frozen=True)
class PackedTensors:
    """One layer as it is stored; shapes above."""

    weight: NDArray[np.integer]
    scale: Scales
    zero_point: NDArray[np.integer] | None = None
    g_idx: NDArray[np.integer] | None = None


def unpack_packed(stored: PackedTensors, bits: int, shape: tuple[int, int]) -> GroupedIntegers:
    """ "pack-quantized". Raises ValueError where the tensors do not belong together."""
    groups = packed_groups(stored, bits, shape)
    codes = unpack_words(as_words(stored.weight), bits)
    return groups.of(np.ascontiguousarray(codes[:, : shape[1]]))


def packed_groups(stored: PackedTensors, bits: int, shape: tuple[int, int]) -> Groups:
    """Of `weight` only the shape counts. Raises ValueError where the tensors do not belong together."""
    rows, columns = shape
    words = as_words(stored.weight).shape
    if words[0] != rows or words[1] * WORD_BITS // bits < columns:
        raise ValueError(f"{stored.weight.shape} words are not {rows} x {columns} integers of {bits} bits")
    zeros = None
    if stored.zero_point is not None:
        # Rows beyond the last one only fill its words up.
        zeros = unpack_words(transposed(as_words(stored.zero_point)), bits)[:, :rows].T
    return _groups(stored, shape, zeros, bits)


def packed_outputs(stored: PackedTensors, outputs: slice, bits: int) -> PackedTensors:
    """The part that some outputs are stored in; they begin and end with a multiple of 32, or with the last one."""
    in_words = slice(outputs.start * bits // WORD_BITS, -(-outputs.stop * bits // WORD_BITS))
    zeros = None if stored.zero_point is None else stored.zero_point[in_words]
    return PackedTensors(stored.weight[outputs], _of_outputs(stored.scale, outputs), zeros, stored.g_idx)


def unpack_plain(stored: PackedTensors) -> GroupedIntegers:
    """ "int-quantized": 8 bits. Raises ValueError where the tensors do not belong together."""
    groups = plain_groups(stored)
    return groups.of(_unsigned(stored.weight))


def plain_groups(stored: PackedTensors) -> Groups:
    """Of `weight` only the shape counts. Raises ValueError where the tensors do not belong together."""
    rows, columns = stored.weight.shape
    zeros = None if stored.zero_point is None else _unsigned(stored.zero_point)
    return _groups(stored, (rows, columns), zeros, 8)


def plain_outputs(stored: PackedTensors, outputs: slice) -> PackedTensors:
    zeros = None if stored.zero_point is None else _of_outputs(stored.zero_point, outputs)
    return PackedTensors(stored.weight[outputs], _of_outputs(stored.scale, outputs), zeros, stored.g_idx)


def _of_outputs(numbers: NDArray[Any], outputs: slice) -> NDArray[Any]:
    """One number for all outputs is that of some, too."""
    return numbers if numbers.size == 1 else numbers[outputs]


def pack_packed(integers: GroupedIntegers) -> PackedTensors:
    """Raises ValueError where rows or columns do not fill words."""
    zeros = None
    if not integers.is_symmetric:
        along_outputs = pack_words(np.ascontiguousarray(integers.zeros.T.astype(np.uint8)), integers.bits)
        zeros = transposed(along_outputs).view("<i4")
    order = integers.group_of_column
    return PackedTensors(
        weight=pack_words(integers.codes, integers.bits).view("<i4"),
        scale=integers.scales,
        zero_point=zeros,
        g_idx=None if order is None else order.astype(np.int32),
    )


def _groups(stored: PackedTensors, shape: tuple[int, int], zeros: Codes | None, bits: int) -> Groups:
    rows, columns = shape
    scale = stored.scale.reshape(rows, -1) if stored.scale.size % rows == 0 else stored.scale
    if stored.scale.size == 1:  # per tensor
        scale = np.broadcast_to(stored.scale.reshape(1, 1), (rows, 1))
    if scale.shape[0] != rows or not scale.shape[1]:
        raise ValueError(f"scales {stored.scale.shape} are not some for each of {rows} outputs")
    groups = scale.shape[1]
    if zeros is None:
        zeros = np.full((rows, groups), 1 << (bits - 1), np.uint8)
    if zeros.size == 1:
        zeros = np.broadcast_to(zeros.reshape(1, 1), (rows, 1))
    if zeros.shape != (rows, groups):
        raise ValueError(f"zero points {zeros.shape} do not fit scales {scale.shape}")
    return Groups(bits, columns, scale, zeros.astype(np.int16), _order(stored.g_idx, columns, groups))


def _order(g_idx: NDArray[np.integer] | None, columns: int, groups: int) -> NDArray[np.int64] | None:
    if g_idx is None or bool(np.all(g_idx == -1)):
        if columns % groups:
            raise ValueError(f"{columns} inputs cannot share {groups} groups")
        return None
    if g_idx.shape != (columns,) or g_idx.min() < 0 or g_idx.max() >= groups:
        raise ValueError(f"weight_g_idx does not give each of {columns} inputs one of {groups} groups")
    if columns % groups == 0 and neighbours(g_idx, columns // groups):
        return None
    return g_idx.astype(np.int64)


def _unsigned(signed: NDArray[np.integer]) -> Codes:
    if signed.dtype != np.int8:
        raise ValueError(f"int8 is wanted, not {signed.dtype}")
    return signed.view(np.uint8) ^ np.uint8(0x80)
