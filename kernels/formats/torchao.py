"""torchao's integers, as its QAT and its weight-only quantization leave them in safetensors: one in a byte.

The layouts are those of torchao 0.18 (`IntxUnpackedToInt8Tensor`, `Int8Tensor`, taken apart by
`flatten_tensor_state_dict`). For a layer with `columns` inputs and `rows` outputs:

    _weight_qdata       int8  (rows, columns)  signed codes of `bits` bits
    _weight_scale       (rows, groups); (rows, 1) per channel
    _weight_zero_point  int8  (rows, groups)   signed likewise; zeros where symmetric

so that a weight is (code - zero) * scale. Forms that pack the codes for a kernel (`Int4TilePackedTo4dTensor`) are not
read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.formats.grouped import GroupedIntegers, Groups, Scales


@dataclass(frozen=True)
class TorchaoTensors:
    """One layer as it is stored; shapes above."""

    qdata: NDArray[np.integer]
    scale: Scales
    zero_point: NDArray[np.integer]


def unpack_torchao(stored: TorchaoTensors, bits: int) -> GroupedIntegers:
    """Raises ValueError where the tensors do not belong together."""
    middle = 1 << (bits - 1)
    if stored.qdata.size and not -middle <= stored.qdata.min() <= stored.qdata.max() < middle:
        raise ValueError(f"some codes have more than {bits} bits")
    codes = (stored.qdata.astype(np.int16) + middle).astype(np.uint8)
    return torchao_groups(stored, bits).of(codes)


def torchao_groups(stored: TorchaoTensors, bits: int) -> Groups:
    """Of `qdata` only the shape counts. Raises ValueError where the tensors do not belong together."""
    rows, columns = stored.qdata.shape
    if stored.scale.ndim != 2 or stored.scale.shape[0] != rows or not stored.scale.shape[1]:
        raise ValueError(f"scales {stored.scale.shape} are not some for each of {rows} outputs")
    if columns % stored.scale.shape[1] or stored.zero_point.shape != stored.scale.shape:
        raise ValueError(f"zero points {stored.zero_point.shape} do not fit scales {stored.scale.shape}")
    zeros = stored.zero_point.astype(np.int16) + (1 << (bits - 1))
    return Groups(bits, columns, stored.scale, zeros)


def torchao_outputs(stored: TorchaoTensors, outputs: slice) -> TorchaoTensors:
    return TorchaoTensors(stored.qdata[outputs], stored.scale[outputs], stored.zero_point[outputs])


def pack_torchao(integers: GroupedIntegers) -> TorchaoTensors:
    middle = 1 << (integers.bits - 1)
    return TorchaoTensors(
        (integers.codes.astype(np.int16) - middle).astype(np.int8),
        integers.scales,
        (integers.zeros - middle).astype(np.int8),
    )
