"""Mean and spread of rates, by llama-bench's definitions."""

from __future__ import annotations

import pytest

from app.measure import Rate


def test_rate_is_the_mean_of_the_rates_and_the_sample_standard_deviation() -> None:
    """512 tokens in 1 s and in 2 s: 512 and 256 tokens/s, so 384, and 128 * sqrt(2)."""
    rate = Rate.from_times(512, (1.0, 2.0))
    assert rate.samples == (512.0, 256.0)
    assert rate.mean == 384.0
    assert rate.deviation == pytest.approx(128 * 2**0.5)


def test_rate_of_one_repetition_has_no_spread() -> None:
    assert Rate.from_times(128, (4.0,)).deviation == 0.0
