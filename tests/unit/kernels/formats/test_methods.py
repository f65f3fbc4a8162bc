"""Methods of the literature: what their papers promise, and the same worked out in a slower way."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from kernels.formats.awq_method import awq_scale
from kernels.formats.error import rounding_error
from kernels.formats.gptq_method import gptq, hessian, output_error
from kernels.formats.llm_int8 import llm_int8
from kernels.formats.rounding import fit_grid, round_to_nearest
from kernels.formats.smoothquant import smoothing

ROWS, COLUMNS, SEEN = 24, 256, 400


@pytest.fixture(scope="module")
def weights() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 0.02, (ROWS, COLUMNS)).astype(np.float32)


@pytest.fixture(scope="module")
def inputs() -> NDArray[np.float32]:
    """(SEEN, COLUMNS), of which some follow from others, and few are far larger: as activations are."""
    random = np.random.default_rng(1)
    mixed = random.normal(size=(SEEN, 40)) @ random.normal(size=(40, COLUMNS)) + random.normal(
        size=(SEEN, COLUMNS)
    )
    mixed[:, ::37] *= 30
    return mixed.astype(np.float32)


# Round to nearest


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(("bits", "group"), [(2, 32), (4, 64), (8, None)])
def test_nothing_is_nearer_than_what_was_rounded_to(
    weights: NDArray[np.float32], bits: int, group: int | None, symmetric: bool
) -> None:
    rounded = round_to_nearest(weights, bits, group, symmetric=symmetric)
    size = group or COLUMNS
    for column in (0, 77, 255):
        scale = rounded.scales[:, column // size].astype(np.float64)
        zero = rounded.zeros[:, column // size]
        every = (np.arange(1 << bits)[:, None] - zero) * scale
        best = np.abs(every - weights[:, column]).min(axis=0)
        off = np.abs(rounded.dequantized()[:, column] - weights[:, column])
        assert np.allclose(off, best, atol=1e-7)
    assert rounded.is_symmetric == symmetric


def test_more_bits_and_smaller_groups_lose_less(weights: NDArray[np.float32]) -> None:
    def lost(bits: int, group: int) -> float:
        return rounding_error(
            weights, round_to_nearest(weights, bits, group, symmetric=False).dequantized()
        ).relative

    assert lost(8, 64) < lost(4, 64) / 10
    assert lost(4, 32) < lost(4, 256)


def test_groups_of_zeros_stay_zeros() -> None:
    rounded = round_to_nearest(np.zeros((2, 64), np.float32), 4, 32, symmetric=False)
    assert not rounded.dequantized().any()


def test_columns_that_make_no_groups_are_refused(weights: NDArray[np.float32]) -> None:
    with pytest.raises(ValueError, match="do not make groups"):
        round_to_nearest(weights, 4, 100, symmetric=True)


# GPTQ


def obq_in_order(
    weights: NDArray[np.float32], H: NDArray[np.float64], bits: int, dampening: float
) -> NDArray[np.float64]:
    """Equations 2 and 3 of the paper as they stand: one column at a time, and the inverse of what is left made anew."""
    W = weights.astype(np.float64)
    H = H + dampening * np.mean(np.diag(H)) * np.eye(len(H))
    grid = fit_grid(weights, bits, symmetric=True)
    Q = np.empty_like(W)
    for q in range(W.shape[1]):
        inverse = np.linalg.inv(H[q:, q:])
        Q[:, q] = grid.numbers(grid.codes(W[:, q : q + 1].astype(np.float32)))[:, 0]
        W[:, q:] -= np.outer((W[:, q] - Q[:, q]) / inverse[0, 0], inverse[0])
    return Q


def test_gptq_is_what_the_paper_derives_it_from(
    weights: NDArray[np.float32], inputs: NDArray[np.float32]
) -> None:
    some, H = weights[:, :64], hessian(inputs.T[:64])
    rounded = gptq(some, H, 3, dampening=0.01, block=16)
    assert np.allclose(rounded.dequantized(), obq_in_order(some, H, 3, 0.01), atol=1e-6)


@pytest.mark.parametrize("group", [None, 64, 96])
def test_gptq_does_not_depend_on_how_much_is_put_off(
    weights: NDArray[np.float32], inputs: NDArray[np.float32], group: int | None
) -> None:
    columns = 192
    some, H = weights[:, :columns], hessian(inputs.T[:columns])
    made = [gptq(some, H, 4, group, block=block).dequantized() for block in (1, 50, 128, columns)]
    for other in made[1:]:
        assert np.allclose(made[0], other, atol=1e-6)


@pytest.mark.parametrize("act_order", [False, True])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_gptq_puts_outputs_less_wrong_than_rounding(
    weights: NDArray[np.float32], inputs: NDArray[np.float32], bits: int, act_order: bool
) -> None:
    H = hessian(inputs.T)
    plain = output_error(weights, round_to_nearest(weights, bits, 64, symmetric=True).dequantized(), H)
    mended = gptq(weights, H, bits, 64, act_order=act_order).dequantized()
    assert output_error(weights, mended, H) < plain / 2
    # What the figure says is what outputs are off.
    off = inputs.astype(np.float64) @ (mended - weights).T.astype(np.float64)
    assert output_error(weights, mended, H) == pytest.approx(float(np.sum(off**2)), rel=1e-6)


def test_inputs_that_never_come_have_no_weight(
    weights: NDArray[np.float32], inputs: NDArray[np.float32]
) -> None:
    silent = inputs.copy()
    silent[:, 5] = 0
    rounded = gptq(weights, hessian(silent.T), 4, 64)
    assert not rounded.dequantized()[:, 5].any()


# AWQ, SmoothQuant, LLM.int8()


def test_awq_puts_outputs_less_wrong_than_rounding(
    weights: NDArray[np.float32], inputs: NDArray[np.float32]
) -> None:
    found = awq_scale(weights, inputs, 3, 64)
    assert 0 < found.alpha < 1
    assert found.error < 0.8 * found.plain_error
    scaled = round_to_nearest(weights * found.scale, 3, 64, symmetric=False).dequantized()
    off = (inputs / found.scale) @ scaled.T - inputs @ weights.T
    assert float(np.mean(off.astype(np.float64) ** 2)) == pytest.approx(found.error, rel=1e-3)


def test_awq_leaves_inputs_alone_that_are_all_alike(weights: NDArray[np.float32]) -> None:
    alike = np.random.default_rng(2).choice([-1.0, 1.0], (SEEN, COLUMNS)).astype(np.float32)
    found = awq_scale(weights, alike, 4, 64)
    assert np.allclose(found.scale, 1, atol=1e-3)


def test_smoothing_changes_no_output_and_evens_the_inputs(
    weights: NDArray[np.float32], inputs: NDArray[np.float32]
) -> None:
    s = smoothing(np.abs(inputs).max(axis=0), weights)
    assert np.allclose((inputs / s) @ (weights * s).T, inputs @ weights.T, atol=1e-3)
    before, after = (np.abs(each).max(axis=0) for each in (inputs, inputs / s))
    assert after.max() / np.median(after) < before.max() / np.median(before) / 3
    # With half of the difficulty on either side, inputs and weights have the same largest size (section 4).
    assert np.allclose(after, np.abs(weights * s).max(axis=0), rtol=1e-4)


def test_smoothing_leaves_empty_columns_alone(weights: NDArray[np.float32]) -> None:
    largest = np.ones(COLUMNS, np.float32)
    largest[3] = 0
    assert smoothing(largest, weights)[3] == 1


def test_llm_int8_computes_outliers_in_full(weights: NDArray[np.float32]) -> None:
    small = np.random.default_rng(3).normal(size=(SEEN, COLUMNS)).clip(-4, 4).astype(np.float32)
    small[:, [7, 100]] *= 40
    exact = small.astype(np.float64) @ weights.T.astype(np.float64)
    found = llm_int8(small, weights)
    assert found.outliers.tolist() == [7, 100]
    whole = llm_int8(small, weights, threshold=np.inf)
    assert len(whole.outliers) == 0
    assert rounding_error(exact, found.output).relative < rounding_error(exact, whole.output).relative / 5
