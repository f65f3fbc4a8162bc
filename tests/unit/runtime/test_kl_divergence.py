"""Divergence over a whole vocabulary, against SciPy-free arithmetic in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from app.runtime.worker.distribution import Distribution
from app.runtime.worker.kl_divergence import kl_divergence


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - float(logits.max()))
    return powers / powers.sum()


def logits(seed: int, size: int = 4096, spread: float = 3.0) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).standard_normal(size) * spread).astype(np.float32)


@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0, 30.0])
def test_it_is_the_sum_of_p_times_the_logarithm_of_p_over_q(spread: float) -> None:
    a, b = logits(1, spread=spread), logits(2, spread=spread)
    p, q = softmax(a), softmax(b)
    expected = sum(x * math.log(x / y) for x, y in zip(p, q, strict=True) if x > 0)
    assert kl_divergence(Distribution.of(a), Distribution.of(b)) == pytest.approx(expected, rel=1e-5)


def test_two_coins() -> None:
    # ln 2 - H(0.25): a fair coin seen by one who expects heads three times in four.
    fair = np.log(np.array([0.5, 0.5], np.float32))
    biased = np.log(np.array([0.75, 0.25], np.float32))
    expected = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert kl_divergence(Distribution.of(fair), Distribution.of(biased)) == pytest.approx(expected, rel=1e-6)


def test_of_the_same_logits_it_is_zero() -> None:
    row = logits(3)
    assert kl_divergence(Distribution.of(row), Distribution.of(row.copy())) == 0.0


def test_a_constant_added_to_all_logits_changes_nothing_to_speak_of() -> None:
    row = logits(4)
    assert abs(kl_divergence(Distribution.of(row), Distribution.of(row + np.float32(7)))) < 1e-5


def test_what_the_reference_finds_impossible_does_not_count() -> None:
    a, b = logits(5, 64), logits(6, 64)
    a[10] = -np.inf
    p, q = softmax(a), softmax(b)
    expected = sum(x * math.log(x / y) for x, y in zip(p, q, strict=True) if x > 0)
    assert kl_divergence(Distribution.of(a), Distribution.of(b)) == pytest.approx(expected, rel=1e-5)
    b[10] = -np.inf
    assert math.isfinite(kl_divergence(Distribution.of(a), Distribution.of(b)))


def test_what_only_the_other_finds_impossible_is_infinitely_far() -> None:
    a, b = logits(7, 64), logits(8, 64)
    b[3] = -np.inf
    assert kl_divergence(Distribution.of(a), Distribution.of(b)) == math.inf


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_no_distribution_has_no_divergence(broken: float) -> None:
    a = logits(9, 64)
    a[5] = broken
    assert math.isnan(kl_divergence(Distribution.of(a), Distribution.of(logits(10, 64))))


@pytest.mark.parametrize("spread", [0.01, 3.0, 100.0])
@pytest.mark.parametrize("count", [1, 10, 4096])
def test_the_likeliest_are_those_of_a_whole_sort(spread: float, count: int) -> None:
    row = logits(11, spread=spread)
    row[[5, 17, 1000]] = row.max()  # equal ones: the smaller number first
    expected = sorted(range(len(row)), key=lambda token: (-row[token], token))[:count]
    assert Distribution.of(row).likeliest(count) == expected


def test_rank_counts_the_likelier_ones() -> None:
    row = np.array([0.0, 2.0, 1.0, 2.0], np.float32)
    assert [Distribution.of(row).rank(token) for token in range(4)] == [3, 0, 2, 0]


def test_log_probabilities_are_those_of_the_softmax() -> None:
    row = logits(12)
    expected = np.log(softmax(row))
    found = [Distribution.of(row).log_probability(token) for token in range(0, 4096, 97)]
    assert found == pytest.approx(list(expected[::97]), rel=1e-6)
