"""Small unsigned integers in 32-bit words, the first one in the lowest bits: how GPTQ, AWQ and compressed-tensors pack.

Widths that do not divide 32 (3 bits) go on across the border of words, as one stream of bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Codes = NDArray[np.uint8]

WORD_BITS = 32
WIDTHS = (2, 3, 4, 8)
_STRIP = 256
_APART = 16


def as_words(stored: NDArray[np.integer]) -> Words:
    """(rows, n) integers of 32 bits, which files call signed. Raises ValueError for anything else."""
    if stored.dtype.itemsize != 4 or stored.dtype.kind not in "iu" or stored.ndim != 2:
        raise ValueError(f"rows of 32-bit words are wanted, not {stored.dtype} of shape {stored.shape}")
    return stored.view("<u4")


def unpack_words(words: Words, bits: int) -> Codes:
    """Along the last axis: (…, n) words give (…, n * 32 / bits) integers."""
    octets = np.ascontiguousarray(words.astype("<u4", copy=False)).view(np.uint8)
    if bits == 8:
        return octets
    if 8 % bits:
        return _unpack_stream(octets, bits)
    per_octet = 8 // bits
    codes = np.empty((*octets.shape, per_octet), np.uint8)
    for place in range(per_octet):
        codes[..., place] = octets >> (place * bits) & ((1 << bits) - 1)
    return codes.reshape(*octets.shape[:-1], -1)


def pack_words(codes: Codes, bits: int) -> Words:
    """Along the last axis, whose length times `bits` is a multiple of 32. Raises ValueError where it is not, or where a
    number needs more bits."""
    count = codes.shape[-1]
    if count * bits % WORD_BITS:
        raise ValueError(f"{count} numbers of {bits} bits do not fill words of {WORD_BITS}")
    if codes.size and int(codes.max()) >> bits:
        raise ValueError(f"{codes.max()} does not fit into {bits} bits")
    stream = np.unpackbits(codes[..., None], axis=-1, count=bits, bitorder="little")
    octets = np.packbits(stream.reshape(*codes.shape[:-1], count * bits), axis=-1, bitorder="little")
    return octets.view("<u4")


def _unpack_stream(octets: NDArray[np.uint8], bits: int) -> Codes:
    stream = np.unpackbits(octets, axis=-1, bitorder="little")
    # A rest of bits, where the words hold no whole number of integers, means nothing.
    count = stream.shape[-1] // bits
    numbers = stream[..., : count * bits].reshape(*octets.shape[:-1], count, bits)
    return np.packbits(numbers, axis=-1, bitorder="little")[..., 0]


def transposed(words: Words) -> Words:
    """Rows and columns exchanged, close together in memory.

    NumPy's own copy walks down the columns. Strips fit into the processor's cache, and rows a few words longer than a
    power of two do not push each other out of it: together that is six times as fast.
    """
    rows, columns = words.shape
    result = np.empty((columns, rows), words.dtype)
    strip = np.empty((_STRIP, columns + _APART), words.dtype)[:, :columns]
    for start in range(0, rows, _STRIP):
        some = strip[: rows - start]
        some[...] = words[start : start + _STRIP]
        result[:, start : start + _STRIP] = some.T
    return result
