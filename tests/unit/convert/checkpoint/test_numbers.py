"""Numbers from one format to another, against the gguf package and NumPy."""

from __future__ import annotations

import gguf
import numpy as np
import pytest

from app.convert.checkpoint.numbers import converted, interleaved

EVERY_16_BITS = np.arange(1 << 16, dtype="<u2")


def random_f32(count: int = 1 << 16) -> np.ndarray:
    """Any bits: all magnitudes, infinities and NaNs among them."""
    return np.random.default_rng(0).integers(0, 1 << 32, count, dtype="<u4").view("<f4")


def test_same_type_is_the_same_to_the_bit() -> None:
    assert converted(EVERY_16_BITS, "BF16", "BF16") is EVERY_16_BITS


def test_every_bf16_becomes_f32_and_comes_back_as_it_was() -> None:
    exact = converted(EVERY_16_BITS, "BF16", "F32")
    assert exact.tobytes() == (EVERY_16_BITS.astype("<u4") << 16).tobytes()
    back = converted(exact, "F32", "BF16")
    quiet = np.where(np.isnan(exact), EVERY_16_BITS | 0x40, EVERY_16_BITS)  # as the gguf package has it
    assert np.array_equal(back, quiet)


def test_f32_becomes_the_bf16_that_the_gguf_package_makes() -> None:
    numbers = random_f32()
    # Theirs makes infinity of what is larger than any BF16.
    numbers = np.where(np.isfinite(numbers) & (abs(numbers) > 3.39e38), 0, numbers).reshape(-1, 32)
    theirs = gguf.quants.quantize(numbers, gguf.GGMLQuantizationType.BF16)
    assert converted(numbers, "F32", "BF16").tobytes() == theirs.tobytes()


def test_every_f16_becomes_its_f32() -> None:
    numbers = EVERY_16_BITS.view("<f2")
    assert np.array_equal(converted(numbers, "F16", "F32"), numbers.astype(np.float32), equal_nan=True)


@pytest.mark.parametrize("stored", ["F32", "F64"])
def test_f16_is_rounded_to_nearest_even(stored: str) -> None:
    numbers = np.array([1 + 2**-11, 1 + 3 * 2**-11, 2**-25, 65504.0], {"F32": "<f4", "F64": "<f8"}[stored])
    assert converted(numbers, stored, "F16").tolist() == [1.0, 1 + 2**-9, 0.0, 65504.0]


def test_every_bf16_is_rounded_to_f16_as_numpy_does() -> None:
    fits = np.abs(converted(EVERY_16_BITS, "BF16", "F32")) < 65520
    numbers = np.concatenate([EVERY_16_BITS[fits], EVERY_16_BITS[EVERY_16_BITS & 0x7F80 == 0x7F80]])
    expected = converted(numbers, "BF16", "F32").astype("<f2")
    # All at once and in rows of neighbours, most of them normal numbers of F16 in some and none in others.
    assert converted(numbers, "BF16", "F16").tobytes() == expected.tobytes()
    rows = numbers[: numbers.size // 64 * 64].reshape(-1, 64)
    made = np.concatenate([converted(row, "BF16", "F16") for row in rows])
    assert made.tobytes() == expected[: made.size].tobytes()


@pytest.mark.parametrize("spread", [1e-8, 1e-5, 1e-4, 0.02, 1.0, 1e4])
def test_f32_of_any_size_is_rounded_to_f16_as_numpy_does(spread: float) -> None:
    numbers = (np.random.default_rng(0).standard_normal((512, 128)) * spread).astype("<f4")
    numbers[0, :4] = 0.0, -0.0, np.inf, np.nan
    half_way = (np.arange(1, 129, dtype="<u4") * 0x1000 + 0x3C00_0000).view("<f4")
    numbers[1] = half_way  # every second one lies in the middle between two F16
    assert converted(numbers, "F32", "F16").tobytes() == numbers.astype("<f2").tobytes()
    assert converted(numbers.T, "F32", "F16").tobytes() == numbers.T.astype("<f2").tobytes()


@pytest.mark.parametrize(
    ("number", "stored", "wanted"),
    [
        (65520.0, "<f4", "F16"),
        (-1e6, "<f4", "F16"),
        (1e39, "<f8", "F32"),
        (3.4028235e38, "<f4", "BF16"),
        (-3.3961776e38, "<f4", "BF16"),  # half way to the next power of two
        (3.4e38, "<f8", "BF16"),
        (1e39, "<f8", "BF16"),
    ],
)
def test_number_too_large_for_the_type_overflows(number: float, stored: str, wanted: str) -> None:
    name = {"<f4": "F32", "<f8": "F64"}[stored]
    with pytest.raises(OverflowError):
        converted(np.array([number], stored), name, wanted)


@pytest.mark.parametrize("wanted", ["F16", "BF16"])
def test_infinity_is_no_overflow(wanted: str) -> None:
    numbers = np.array([np.inf, -np.inf, np.nan], "<f4")
    exact = converted(converted(numbers, "F32", wanted), wanted, "F32")
    assert np.array_equal(exact, numbers, equal_nan=True)


def test_largest_bf16_is_no_overflow() -> None:
    largest = converted(np.array([3.3895314e38, 3.396e38], "<f4"), "F32", "BF16")
    assert largest.tolist() == [0x7F7F, 0x7F7F]


def test_interleaved_puts_the_halves_of_each_head_in_turn() -> None:
    rows = np.arange(12)[:, None] * [[1, 100]]
    assert interleaved(rows, 6)[:, 0].tolist() == [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]
    assert interleaved(rows, 6)[:, 1].tolist() == [100 * row for row in interleaved(rows, 6)[:, 0]]
