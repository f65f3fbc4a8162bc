"""Held against what the formats' own libraries wrote and read (`tests/data/formats/record.py`)."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray

from kernels.formats.bitsandbytes import (
    MAPS,
    Nested,
    dynamic_map,
    pack_4bit,
    pack_int8,
    quantize_scales,
    unpack_4bit,
    unpack_int8,
)
from kernels.formats.compressed_tensors import PackedTensors, pack_packed, unpack_packed, unpack_plain
from kernels.formats.error import rounding_error
from kernels.formats.fp8 import pack_fp8, unpack_fp8
from kernels.formats.ggml_blocks import exact_type, to_q4_0, to_q8_0
from kernels.formats.mxfp4 import pack_mxfp4, to_ggml, unpack_mxfp4
from kernels.formats.small_floats import E2M1, E2M3, E3M2, E4M3, E5M2, SmallFloat, power_of_two

Reference = dict[str, NDArray]
BORDER_CODES = 0.001
"""Of codes that may differ: numbers in the middle between two, which libraries reach with other roundings."""


@pytest.fixture(scope="module")
def reference() -> Reference:
    with np.load(Path(__file__).parents[3] / "data" / "formats" / "reference.npz") as recorded:
        return dict(recorded)


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
def test_four_bits_as_bitsandbytes_has_them(reference: Reference, kind: str) -> None:
    assert np.array_equal(MAPS[kind], reference[f"{kind}_map"])
    packed, absmax = pack_4bit(reference["weights"], MAPS[kind])
    assert np.array_equal(absmax, reference[f"{kind}_absmax"])
    assert packed.shape == reference[f"{kind}_packed"].shape
    assert np.mean(packed != reference[f"{kind}_packed"]) <= BORDER_CODES
    read = unpack_4bit(reference[f"{kind}_packed"], reference[f"{kind}_absmax"], MAPS[kind], (24, 192))
    assert np.array_equal(read, reference[f"{kind}_read"])


def test_scales_of_scales_as_bitsandbytes_has_them(reference: Reference) -> None:
    assert np.allclose(dynamic_map(), reference["nested_map"], rtol=1e-6, atol=1e-9)
    nested = Nested(
        reference["nested_codes"],
        reference["nested_absmax"],
        float(reference["nested_offset"]),
        reference["nested_map"],
    )
    read = unpack_4bit(reference["nested_packed"], nested.absmax_of_blocks(), MAPS["nf4"], (130, 128))
    assert np.allclose(read[-8:], reference["nested_read"], rtol=1e-6)
    made = quantize_scales(reference["nested_scales"])
    assert made.offset == pytest.approx(nested.offset)
    assert np.allclose(made.absmax, nested.absmax)
    assert np.mean(made.codes != nested.codes) <= 0.01


def test_scales_that_do_not_suffice_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        Nested(np.zeros(300, np.uint8), np.ones(1, np.float32), 0.0, dynamic_map()).absmax_of_blocks()
    with pytest.raises(ValueError, match="are not 100 weights"):
        unpack_4bit(np.zeros(50, np.uint8), np.ones(1, np.float32), MAPS["nf4"], (10, 10))


def test_int8_as_bitsandbytes_has_it(reference: Reference) -> None:
    codes, largest = pack_int8(reference["int8_weights"])
    assert np.allclose(largest, reference["int8_scb"])
    assert np.mean(codes != reference["int8_codes"]) <= BORDER_CODES
    read = unpack_int8(reference["int8_codes"], reference["int8_scb"])
    assert np.allclose(read, reference["int8_read"], rtol=1e-5)
    with pytest.raises(ValueError, match="one for each"):
        unpack_int8(codes, largest[:-1])


@pytest.mark.parametrize(
    ("kind", "name"), [(E4M3, "e4m3"), (E5M2, "e5m2"), (E2M1, "e2m1"), (E2M3, "e2m3"), (E3M2, "e3m2")]
)
def test_small_floats_mean_what_ml_dtypes_says(reference: Reference, kind: SmallFloat, name: str) -> None:
    assert np.array_equal(kind.values, reference[f"{name}_values"], equal_nan=True)


def test_powers_of_two_mean_what_ml_dtypes_says(reference: Reference) -> None:
    read = power_of_two(np.arange(256, dtype=np.uint8))
    assert np.array_equal(read, reference["e8m0_values"], equal_nan=True)


@pytest.mark.parametrize(("kind", "name"), [(E4M3, "e4m3"), (E5M2, "e5m2")])
def test_numbers_are_rounded_as_ml_dtypes_does(reference: Reference, kind: SmallFloat, name: str) -> None:
    assert np.array_equal(kind.encode(reference["rounded"]), reference[f"{name}_codes"])


def test_what_is_too_large_becomes_the_largest() -> None:
    codes = E4M3.encode(np.array([1e9, -1e9, np.nan], np.float32))
    assert np.array_equal(E4M3.decode(codes), [448, -448, np.nan], equal_nan=True)


@pytest.mark.parametrize("block", [(1, 300), (200, 300), (128, 128)], ids=["channel", "tensor", "blocks"])
def test_fp8_comes_back_within_its_four_digits(block: tuple[int, int]) -> None:
    weights = np.random.default_rng(0).normal(0, 0.02, (200, 300)).astype(np.float32)
    codes, scale = pack_fp8(weights, E4M3, block)
    read = unpack_fp8(codes, scale, E4M3, block)
    # Half a unit of the three digits after the leading one, or of the smallest numbers there are.
    room = np.maximum(np.abs(weights) * 2.0**-4, scale.max() * 2.0**-10)
    assert np.all(np.abs(read - weights) <= room * 1.001)
    assert scale.shape == (-(-200 // block[0]), -(-300 // block[1]))


def test_scales_of_fp8_have_to_fit() -> None:
    codes = np.zeros((200, 300), np.uint8)
    with pytest.raises(ValueError, match="one for each of 200 outputs"):
        unpack_fp8(codes, np.ones(199, np.float32), E4M3)
    with pytest.raises(ValueError, match="one for each 128 x 128"):
        unpack_fp8(codes, np.ones((2, 2), np.float32), E4M3, (128, 128))


def test_mxfp4_is_a_block_of_gguf_in_another_order() -> None:
    numbers = np.random.default_rng(0).normal(0, 3, (4, 96)).astype(np.float32)
    pairs, scales = pack_mxfp4(numbers)
    read = gguf.dequantize(to_ggml(pairs, scales), gguf.GGMLQuantizationType.MXFP4)
    assert np.array_equal(read, unpack_mxfp4(pairs, scales))
    # gguf's own rounding differs in the power of two it takes; both are near.
    theirs = gguf.dequantize(
        gguf.quantize(numbers, gguf.GGMLQuantizationType.MXFP4), gguf.GGMLQuantizationType.MXFP4
    )
    ours, other = rounding_error(numbers, read), rounding_error(numbers, theirs)
    assert ours.relative == pytest.approx(other.relative, rel=0.1)


@pytest.mark.parametrize("bits", [4, 8])
def test_packed_integers_as_compressed_tensors_has_them(reference: Reference, bits: int) -> None:
    integers = reference[f"compressed_{bits}_integers"]
    scale = np.full((8, 1), 0.5, np.float32)
    stored = PackedTensors(reference[f"compressed_{bits}_words"], scale)
    read = unpack_packed(stored, bits, (8, 40))
    assert np.array_equal(read.dequantized(), integers * np.float32(0.5))
    if bits == 8:
        assert np.array_equal(unpack_plain(PackedTensors(integers, scale)).codes, read.codes)


def test_packed_integers_are_blocks_with_nothing_rounded() -> None:
    random = np.random.default_rng(0)
    for bits, kind, pack in ((4, "Q4_0", to_q4_0), (8, "Q8_0", to_q8_0)):
        words = random.integers(-(2**31), 2**31, (16, 64 * bits // 32), np.int32)
        scale = random.random((16, 2)).astype(np.float16)
        read = unpack_packed(PackedTensors(words, scale), bits, (16, 64))
        assert exact_type(read) == kind
        blocks = gguf.dequantize(pack(read), gguf.GGMLQuantizationType[kind])
        assert np.array_equal(blocks, read.dequantized())
        assert np.array_equal(pack_packed(read).weight, words)


def test_zero_points_of_packed_integers_come_back() -> None:
    random = np.random.default_rng(0)
    words = random.integers(-(2**31), 2**31, (16, 8), np.int32)
    zeros = random.integers(-(2**31), 2**31, (2, 2), np.int32)
    stored = PackedTensors(words, random.random((16, 2)).astype(np.float16), zeros)
    read = unpack_packed(stored, 4, (16, 64))
    assert int(read.zeros[9, 1]) == (int(zeros[1, 1]) & 0xFFFFFFFF) >> 4 & 15
    again = pack_packed(read)
    assert again.zero_point is not None
    assert np.array_equal(again.zero_point, zeros)


def test_packed_tensors_that_do_not_belong_together_are_refused() -> None:
    words = np.zeros((16, 8), np.int32)
    with pytest.raises(ValueError, match="are not 16 x 100"):
        unpack_packed(PackedTensors(words, np.ones((16, 1), np.float16)), 4, (16, 100))
    with pytest.raises(ValueError, match="cannot share"):
        unpack_packed(PackedTensors(words, np.ones((16, 3), np.float16)), 4, (16, 64))
    with pytest.raises(ValueError, match="do not fit"):
        unpack_packed(
            PackedTensors(words, np.ones((16, 2), np.float16), np.zeros((2, 3), np.int32)), 4, (16, 64)
        )
