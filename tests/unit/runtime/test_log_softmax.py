"""Log-probabilities from logits: the same as exact sums give, at any size of the logits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.runtime.worker.log_softmax import log_probabilities

LARGEST = float(np.finfo(np.float32).max)
ROWS = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=8),
    elements=st.floats(-200, 200, width=32),
)


def rows(*values: list[float]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.array(values, np.float32)


def test_odds_of_one_to_three_are_a_quarter_and_three_quarters() -> None:
    logits = [0.0, math.log(3)]
    assert log_probabilities(rows(logits, logits), [0, 1]) == pytest.approx(
        [math.log(1 / 4), math.log(3 / 4)]
    )


@pytest.mark.parametrize("size", [1, 2, 3, 410, 128_256])
@pytest.mark.parametrize("logit", [0.0, -3.5, 1e30, -LARGEST])
def test_equal_logits_are_equal_probabilities(size: int, logit: float) -> None:
    logits = np.full((2, size), logit, np.float32)
    assert log_probabilities(logits, [0, size - 1]) == pytest.approx([-math.log(size)] * 2, rel=1e-14)


def test_each_row_counts_for_its_own_token() -> None:
    logits = rows([10, 0, 0], [0, 10, 0], [0, 0, 10])
    certain = -math.log1p(2 * math.exp(-10))
    assert log_probabilities(logits.copy(), [0, 1, 2]) == pytest.approx([certain] * 3, rel=1e-4)
    assert log_probabilities(logits.copy(), [1, 2, 0]) == pytest.approx([certain - 10] * 3, rel=1e-6)


@given(ROWS, st.data())
def test_random_logits_give_what_exact_sums_give(logits: np.ndarray, data: st.DataObject) -> None:
    count, size = logits.shape
    tokens = data.draw(st.lists(st.integers(0, size - 1), min_size=count, max_size=count))
    expected = []
    for row, token in zip(logits.tolist(), tokens, strict=True):
        odds = math.fsum(math.exp(logit - row[token]) for logit in row)
        expected.append(-math.log(odds))
    assert log_probabilities(logits.copy(), tokens) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(ROWS)
def test_probabilities_of_all_tokens_sum_to_one(logits: np.ndarray) -> None:
    count, size = logits.shape
    by_token = [log_probabilities(logits.copy(), [token] * count) for token in range(size)]
    for row in zip(*by_token, strict=True):
        assert math.fsum(map(math.exp, row)) == pytest.approx(1, abs=1e-5)


def test_logits_at_the_ends_of_a_float_neither_overflow_nor_vanish() -> None:
    far_apart = rows([LARGEST, -LARGEST, LARGEST])
    assert log_probabilities(far_apart.copy(), [0]) == pytest.approx([-math.log(2)])
    assert log_probabilities(far_apart.copy(), [1]) == pytest.approx([-2 * LARGEST])


def test_token_that_is_ruled_out_has_no_probability_and_the_others_share_all() -> None:
    logits = rows([-math.inf, 0, 0])
    assert log_probabilities(logits.copy(), [0]) == [-math.inf]
    assert log_probabilities(logits.copy(), [1]) == pytest.approx([-math.log(2)])


@pytest.mark.parametrize("row", [[math.nan, 0], [math.inf, 0], [-math.inf, -math.inf]], ids=str)
def test_row_that_is_no_distribution_gives_no_number_and_spoils_no_other(row: list[float]) -> None:
    broken, sound = log_probabilities(rows(row, [0, 0]), [1, 1])
    assert math.isnan(broken)
    assert sound == pytest.approx(-math.log(2))
