"""bitsandbytes' files: NF4 and FP4 in blocks with double quantization, and LLM.int8().

T. Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs", 2023 (NF4: appendix E; double quantization:
section 3), "LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale", 2022, and for the map by which the
scales themselves are quantized "8-bit Optimizers via Block-wise Quantization", 2021, section 2.2.

The 4-bit kinds are one row of numbers, whatever the shape of the weights, cut into blocks of 64 (or another power of
two); a byte holds two neighbours, the first in its *high* half:

    weight[i] = MAP[code[i]] * absmax[i // block]

After double quantization `absmax` is a byte for each block as well:

    absmax[b] = nested_map[byte[b]] * nested_absmax[b // nested block] + offset
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

NF4 = np.array(
    [
        *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
        *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
        *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
        *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
    ],
    np.float32,
)
"""The quantiles of a normal distribution, from -1 to 1, with zero among them."""

_FP4_SIZES = np.array([0, 0.0625, 8, 12, 4, 6, 2, 3], np.float32) / 12
FP4 = np.concatenate([_FP4_SIZES, -_FP4_SIZES])
"""Sign, two bits of exponent, one of mantissa, in bitsandbytes' own order; the largest is 1."""

MAPS = {"nf4": NF4, "fp4": FP4}
BLOCK = 64
NESTED_BLOCK = 256
_INT8 = np.float32(127)


@dataclass(frozen=True)
class Nested:
    """Scales that were quantized themselves. `codes`: (blocks,); `absmax`: (blocks / `block`, rounded up); `map`:
    (256,)."""

    codes: Bytes
    absmax: Floats
    offset: float
    map: Floats
    block: int = NESTED_BLOCK

    def absmax_of_blocks(self) -> Floats:
        """(blocks,)."""
        scales = np.repeat(self.absmax, self.block)[: len(self.codes)]
        if len(scales) < len(self.codes):
            raise ValueError(f"{len(self.absmax)} scales of scales are too few for {len(self.codes)} blocks")
        return self.map[self.codes] * scales + np.float32(self.offset)


def unpack_4bit(
    packed: Bytes, absmax: Floats, kind: Floats, shape: tuple[int, ...], block: int = BLOCK
) -> Floats:
    """`packed`: any shape of half as many bytes as there are weights; `kind`: (16,), as a file may bring its own.

    Raises ValueError where the numbers do not suffice for `shape`.
    """
    octets = packed.reshape(-1)
    count = int(np.prod(shape))
    if (
        kind.shape != (16,)
        or block <= 0
        or len(octets) != -(-count // 2)
        or len(absmax) != -(-count // block)
    ):
        raise ValueError(f"{len(octets)} bytes and {len(absmax)} blocks of {block} are not {count} weights")
    codes = np.stack([octets >> 4, octets & np.uint8(15)], axis=-1).reshape(-1)[:count]
    return (kind[codes] * np.repeat(absmax, block)[:count]).reshape(shape)


def pack_4bit(weights: NDArray[np.floating], kind: Floats, block: int = BLOCK) -> tuple[Bytes, Floats]:
    """(n / 2, 1) bytes, as bitsandbytes keeps them, and (blocks,) scales, each the largest size in its block."""
    flat = weights.astype(np.float32).reshape(-1)
    blocks = np.pad(flat, (0, -len(flat) % block)).reshape(-1, block)
    absmax = np.abs(blocks).max(axis=1)
    scaled = blocks / np.where(absmax > 0, absmax, 1)[:, None]
    codes = _nearest(scaled.reshape(-1)[: len(flat) + len(flat) % 2], kind)
    return (codes[0::2] << np.uint8(4) | codes[1::2])[:, None], absmax


def quantize_scales(absmax: Floats, block: int = NESTED_BLOCK) -> Nested:
    """Double quantization: what is left of the scales after their mean, as bytes."""
    offset = float(absmax.mean())
    rest = absmax - np.float32(offset)
    blocks = np.pad(rest, (0, -len(rest) % block)).reshape(-1, block)
    largest = np.abs(blocks).max(axis=1)
    scaled = blocks / np.where(largest > 0, largest, 1)[:, None]
    dynamic = dynamic_map()
    return Nested(_nearest(scaled.reshape(-1)[: len(rest)], dynamic), largest, offset, dynamic, block)


def dynamic_map() -> Floats:
    """(256,), ascending: seven decades, each with twice as many numbers as the one below, on both sides of zero."""
    numbers = [0.0, 1.0]
    for decade in range(7):
        borders = np.linspace(0.1, 1, 2**decade + 1)
        middles = 10.0 ** (decade - 6) * (borders[:-1] + borders[1:]) / 2
        numbers += [*middles, *-middles]
    return np.sort(np.array(numbers, np.float32))


def unpack_int8(codes: NDArray[np.int8], largest: NDArray[np.floating]) -> Floats:
    """LLM.int8(): (rows, columns) and, as "SCB", the largest size in each row."""
    if largest.shape != codes.shape[:1]:
        raise ValueError(f"{largest.shape} scales are not one for each of {len(codes)} outputs")
    return codes.astype(np.float32) * (largest.astype(np.float32) / _INT8)[:, None]


def pack_int8(weights: NDArray[np.floating]) -> tuple[NDArray[np.int8], Floats]:
    """Codes (rows, columns) and the largest size in each row."""
    exact = weights.astype(np.float32)
    largest = np.abs(exact).max(axis=1)
    codes = np.rint(exact * (_INT8 / np.where(largest > 0, largest, 1))[:, None])
    return codes.astype(np.int8), largest


def _nearest(numbers: NDArray[np.floating], known: Floats) -> Bytes:
    order = np.argsort(known, kind="stable")
    ascending = known[order]
    middles = (ascending[1:] + ascending[:-1]) / 2
    return order[np.searchsorted(middles, numbers)].astype(np.uint8)
