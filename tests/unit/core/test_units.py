"""Sizes, counts and times as a person reads them; expected texts from the rules, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.units import format_bytes, format_count, format_duration, format_rate, format_rates

DECIMAL = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (1_500_000, "1.50 MB"),
        (4_920_736_256, "4.92 GB"),
        (42_520_398_432, "42.5 GB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (9_999_999_999, "10.0 GB"),
        (2 * 10**18, "2000 PB"),
    ],
)
def test_format_bytes_gives_decimal_units(count: int, text: str) -> None:
    assert format_bytes(count) == text


@given(st.integers(1000, 10**18))
def test_format_bytes_of_any_size_keeps_three_digits_and_is_right_to_half_a_unit(count: int) -> None:
    number, unit = format_bytes(count).split()
    assert len(number.replace(".", "")) == 3 or unit == "PB"
    last_digit = 10.0 ** -len(number.partition(".")[2])
    assert abs(float(number) - count / DECIMAL[unit]) <= 0.501 * last_digit


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (260_000, "260 K"),
        (7_340_032, "7.3 M"),
        (999_960, "1.0 M"),
        (134_515_008, "135 M"),
        (999_999_999, "1.0 B"),
        (8_030_261_248, "8.0 B"),
        (70_553_706_496, "70.6 B"),
        (405_853_388_800, "406 B"),
        (1_026_000_000_000, "1.0 T"),
    ],
)
def test_format_count_gives_parameters_as_models_are_named(count: int, text: str) -> None:
    assert format_count(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 s"),
        (0.42, "0.42 s"),
        (9.999, "10 s"),
        (42.4, "42 s"),
        (59.4, "59 s"),
        (59.9, "1 min 0 s"),
        (75, "1 min 15 s"),
        (3599.9, "1 h 0 min"),
        (8000, "2 h 13 min"),
    ],
)
def test_format_duration_gives_no_more_than_two_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(38.24, "38.2 tokens/s"), (99.96, "100 tokens/s"), (1234.4, "1234 tokens/s")]
)
def test_format_rate_names_tokens_per_second(rate: float, text: str) -> None:
    assert format_rate(rate) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (2370.0, 3560.0, "2370-3560 tok/s"),
        (4.4, 6.5, "4.4-6.5 tok/s"),
        (0.346, 0.52, "0.35-0.52 tok/s"),
    ],
)
def test_a_span_of_speeds_has_as_many_digits_as_can_be_told(low: float, high: float, text: str) -> None:
    assert format_rates(low, high) == text
