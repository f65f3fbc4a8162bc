"""GPTQ and AWQ: packing against their published loops, and blocks against gguf's own reading of them."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray

from kernels.formats.awq import ORDER, AwqTensors, pack_gemm, pack_gemv, unpack_gemm, unpack_gemv
from kernels.formats.ggml_blocks import exact_type, to_q4_0, to_q4_1, to_q8_0
from kernels.formats.gptq import GptqTensors, pack_gptq, unpack_gptq
from kernels.formats.grouped import GroupedIntegers
from kernels.formats.words import pack_words, unpack_words

ROWS, COLUMNS, GROUP = 32, 128, 32


def integers(bits: int, symmetric: bool = False, seed: int = 0, group: int = GROUP) -> GroupedIntegers:
    random = np.random.default_rng(seed)
    groups = COLUMNS // group
    top = 1 << bits
    zeros = np.full((ROWS, groups), top // 2) if symmetric else random.integers(0, top, (ROWS, groups))
    return GroupedIntegers(
        bits,
        random.integers(0, top, (ROWS, COLUMNS), np.uint8),
        (random.random((ROWS, groups)) / 50 + 1e-3).astype(np.float16),
        zeros.astype(np.int16),
    )


def slow_words(numbers: NDArray[np.uint8], bits: int) -> list[int]:
    """As the formats are described: one long number, the first in its lowest bits, cut into words."""
    whole = sum(int(number) << (place * bits) for place, number in enumerate(numbers))
    return [whole >> (32 * word) & 0xFFFFFFFF for word in range(len(numbers) * bits // 32)]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_words_hold_a_stream_of_bits(bits: int) -> None:
    numbers = np.random.default_rng(bits).integers(0, 1 << bits, (3, 64), np.uint8)
    words = pack_words(numbers, bits)
    assert words.tolist() == [slow_words(row, bits) for row in numbers]
    assert np.array_equal(unpack_words(words, bits), numbers)


def test_numbers_that_do_not_fit_are_not_packed() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        pack_words(np.array([[16] * 8], np.uint8), 4)
    with pytest.raises(ValueError, match="do not fill"):
        pack_words(np.zeros((1, 9), np.uint8), 4)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_gptq_is_read_as_its_definition_says(bits: int, version: int) -> None:
    made = integers(bits)
    stored = pack_gptq(made, version)
    # One input and one output by hand: where they stand, and (code - zero) * scale.
    column, row = 37, 5
    place = column * bits
    words = [int(word) & 0xFFFFFFFF for word in stored.qweight[:, row]]
    whole = sum(word << (32 * number) for number, word in enumerate(words))
    code = whole >> place & (1 << bits) - 1
    zero_words = [int(word) & 0xFFFFFFFF for word in stored.qzeros[column // GROUP]]
    zero = sum(word << (32 * number) for number, word in enumerate(zero_words)) >> (row * bits)
    zero = (zero & (1 << bits) - 1) + (1 if version == 1 else 0)
    zero %= 1 << bits
    scale = float(stored.scales[column // GROUP, row])
    read = unpack_gptq(stored, bits, version)
    assert read.dequantized()[row, column] == pytest.approx((code - zero) * scale, rel=1e-6)
    assert np.array_equal(read.codes, made.codes)
    assert np.array_equal(read.zeros, made.zeros)
    assert read.group_of_column is None


def test_act_order_gives_each_input_the_scale_of_its_own_group() -> None:
    made = integers(4)
    order = np.random.default_rng(1).permutation(COLUMNS) // GROUP
    shuffled = GroupedIntegers(4, made.codes, made.scales, made.zeros, order)
    read = unpack_gptq(pack_gptq(shuffled), 4)
    column = 100
    group = order[column]
    expected = (made.codes[:, column].astype(int) - made.zeros[:, group]) * made.scales[:, group].astype(
        float
    )
    assert np.allclose(read.dequantized()[:, column], expected)
    assert exact_type(read) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scales": np.ones((3, ROWS), np.float16)}, "do not fit"),
        ({"g_idx": np.full(COLUMNS, 9, np.int32)}, "g_idx"),
        ({"g_idx": np.zeros(7, np.int32)}, "g_idx"),
        ({"qweight": np.zeros((4, ROWS), np.int64)}, "32-bit words"),
    ],
)
def test_gptq_tensors_that_do_not_belong_together_are_refused(change: dict[str, NDArray], words: str) -> None:
    stored = pack_gptq(integers(4))
    with pytest.raises(ValueError, match=words):
        unpack_gptq(GptqTensors(**{**vars(stored), **change}), 4)


def test_awq_gemm_is_read_as_its_definition_says() -> None:
    made = integers(4)
    stored = pack_gemm(made)
    assert stored.qweight.shape == (COLUMNS, ROWS // 8)
    column, row = 77, 13
    word = int(stored.qweight[column, row // 8]) & 0xFFFFFFFF
    assert word >> (4 * ORDER.index(row % 8)) & 15 == made.codes[row, column]
    read = unpack_gemm(stored)
    assert np.array_equal(read.dequantized(), made.dequantized())


@pytest.mark.parametrize("group", [32, 64, 128])
def test_awq_gemv_comes_back(group: int) -> None:
    made = integers(4, group=group)
    stored = pack_gemv(made)
    assert stored.scales.shape[1] == stored.qzeros.shape[1] * 8
    assert (
        stored.qzeros.shape[1] == {32: 4, 64: 2, 128: 1}[group]
    )  # AutoAWQ's calculate_zeros_width for 128 inputs
    read = unpack_gemv(stored, group)
    assert np.array_equal(read.dequantized(), made.dequantized())


def test_awq_tensors_that_do_not_belong_together_are_refused() -> None:
    stored = pack_gemm(integers(4))
    with pytest.raises(ValueError, match="do not fit"):
        unpack_gemm(AwqTensors(stored.qweight, stored.qzeros, stored.scales[:, :-1]))
    with pytest.raises(ValueError, match="groups of"):
        unpack_gemv(pack_gemv(integers(4)), 48)


def test_symmetric_integers_are_blocks_with_nothing_rounded() -> None:
    for bits, kind, pack in ((4, "Q4_0", to_q4_0), (8, "Q8_0", to_q8_0)):
        made = integers(bits, symmetric=True)
        assert exact_type(made) == kind
        read = gguf.dequantize(pack(made), gguf.GGMLQuantizationType[kind])
        assert np.array_equal(read, made.dequantized())


def test_asymmetric_integers_are_off_by_one_product_of_f16() -> None:
    made = integers(4)
    assert exact_type(made) == "Q4_1"
    read = gguf.dequantize(to_q4_1(made), gguf.GGMLQuantizationType.Q4_1)
    product = np.repeat(made.zeros * made.scales.astype(np.float32), GROUP, axis=1)
    off = np.abs(read - made.dequantized())
    assert np.all(off <= np.abs(product) * 2.0**-11 * 1.001 + 1e-7)
    assert off.max() > 0


@pytest.mark.parametrize(
    "made",
    [
        integers(3, symmetric=True),
        integers(8),
        integers(4, group=16),
        GroupedIntegers(
            4, integers(4).codes, integers(4).scales.astype(np.float32) * 1.0001, integers(4).zeros
        ),
        GroupedIntegers(4, integers(4).codes, integers(4).scales.astype(np.float32) * 1e9, integers(4).zeros),
    ],
    ids=[
        "three bits",
        "8 bits with zero points",
        "groups of 16",
        "scales finer than F16",
        "scales beyond F16",
    ],
)
def test_what_no_block_holds_is_told(made: GroupedIntegers) -> None:
    assert exact_type(made) is None
