"""MXFP4: blocks of 32 numbers of 4 bits (E2M1) with a power of two (E8M0) in common, as gpt-oss was trained with.

Open Compute Project, "Microscaling Formats (MX) Specification", 2023, section 5.1. In checkpoints (`…_blocks`,
`…_scales`) a byte holds two neighbours, the first in its low half. A block of GGUF's MXFP4 is 17 bytes: the power of
two, then 16 bytes, byte j with number j in its low and number j + 16 in its high half (ggml-common.h of ggml). So one
is the other in another order, and nothing is rounded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.formats.small_floats import E2M1, power_of_two

BLOCK = 32
HALF = BLOCK // 2

Bytes = NDArray[np.uint8]


def unpack_mxfp4(pairs: Bytes, scales: Bytes) -> NDArray[np.float32]:
    """`pairs`: (…, blocks, 16), `scales`: (…, blocks); the numbers as (…, blocks * 32)."""
    numbers = E2M1.decode(_apart(pairs)) * power_of_two(scales)[..., None]
    return numbers.reshape(*scales.shape[:-1], -1)


def pack_mxfp4(numbers: NDArray[np.floating]) -> tuple[Bytes, Bytes]:
    """(…, n) numbers, n a multiple of 32, as pairs and scales.

    The power of two is the largest one by which the largest number does not exceed E2M1's largest exponent
    (specification, section 6.3); what is then beyond 6 becomes 6.
    """
    blocks = numbers.astype(np.float32).reshape(*numbers.shape[:-1], -1, BLOCK)
    largest = np.abs(blocks).max(axis=-1)
    # frexp's mantissa is below 1, so that its exponent is one up.
    exponent = np.where(largest > 0, np.frexp(largest)[1] - 1 - 2, -127)
    scales = np.clip(exponent + 127, 0, 254).astype(np.uint8)
    codes = E2M1.encode(blocks / power_of_two(scales)[..., None])
    return codes[..., 0::2] | codes[..., 1::2] << np.uint8(4), scales


def to_ggml(pairs: Bytes, scales: Bytes) -> Bytes:
    """(…, blocks, 16) and (…, blocks) as (…, blocks * 17) bytes of a GGUF."""
    codes = _apart(pairs)
    halves = codes[..., :HALF] | codes[..., HALF:] << np.uint8(4)
    return np.concatenate([scales[..., None], halves], axis=-1).reshape(*scales.shape[:-1], -1)


def _apart(pairs: Bytes) -> Bytes:
    if pairs.shape[-1] != HALF:
        raise ValueError(f"a block of MXFP4 has {HALF} bytes, not {pairs.shape[-1]}")
    return np.stack([pairs & np.uint8(15), pairs >> np.uint8(4)], axis=-1).reshape(*pairs.shape[:-1], BLOCK)
