"""FP8 checkpoints: 8-bit floating-point numbers and scales that were stored apart.

    weight[row, column] = value[row, column] * scale[row // block rows, column // block columns]

One scale for all (per tensor), one for each output (per channel), or one for each block of 128 x 128, as DeepSeek-V3
has them (DeepSeek-AI, "DeepSeek-V3 Technical Report", 2024, section 3.3) under the name `weight_scale_inv`, which is
what weights are multiplied with, too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.formats.small_floats import SmallFloat

BLOCK = 128


def unpack_fp8(
    codes: NDArray[np.uint8],
    scale: NDArray[np.floating],
    kind: SmallFloat,
    block: tuple[int, int] | None = None,
) -> NDArray[np.float32]:
    """`codes`: (rows, columns); `scale`: a single number, (rows,) or (rows, 1), or one for each `block` of (rows,
    columns), of which the last ones may be cut. Raises ValueError for any other shape."""
    return kind.decode(codes) * _spread(scale, codes.shape, block)


def pack_fp8(
    weights: NDArray[np.floating], kind: SmallFloat, block: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Codes and scales, by which the largest number of each block becomes the largest there is. A block as large as the
    tensor is per tensor, one of (1, columns) per channel."""
    rows, columns = weights.shape
    high, wide = block
    filled = np.pad(np.abs(weights.astype(np.float32)), ((0, -rows % high), (0, -columns % wide)))
    blocks = filled.reshape(filled.shape[0] // high, high, filled.shape[1] // wide, wide)
    scale = blocks.max(axis=(1, 3)) / np.float32(kind.largest)
    scale[scale == 0] = 1
    return kind.encode(weights / _spread(scale, weights.shape, block)), scale


def _spread(
    scale: NDArray[np.floating], shape: tuple[int, ...], block: tuple[int, int] | None
) -> NDArray[np.float32]:
    rows, columns = shape
    exact = scale.astype(np.float32)
    if exact.size == 1:
        return exact.reshape(1, 1)
    if block is None:
        if exact.shape not in ((rows,), (rows, 1)):
            raise ValueError(f"scales {scale.shape} are not one for each of {rows} outputs")
        return exact.reshape(rows, 1)
    high, wide = block
    if exact.shape != (-(-rows // high), -(-columns // wide)):
        raise ValueError(f"scales {scale.shape} are not one for each {high} x {wide} of {rows} x {columns}")
    return exact.repeat(high, axis=0)[:rows].repeat(wide, axis=1)[:, :columns]
