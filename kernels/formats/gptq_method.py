"""GPTQ: weights are rounded one column after the other, and what each rounding does wrong the columns after it mend.

E. Frantar, S. Ashkboos, T. Hoefler, D. Alistarh, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
Transformers", 2022: equations 1 to 3 and algorithm 1, in whose letters this is written. W: (rows, columns), X:
(columns, n) inputs of the layer, H = 2 X X^T its Hessian.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.formats.grouped import GroupedIntegers
from kernels.formats.rounding import Grid, fit_grid

Floats = NDArray[np.floating]

BLOCK = 128
"""B: columns whose mending of all later ones is put off and done at once (section 3.3, step 2)."""
DAMPENING = 0.01
"""Of the mean of H's diagonal, added to it so that H can be inverted (section 3.3, step 3)."""


def hessian(inputs: Floats) -> NDArray[np.float64]:
    """H of (columns, n) inputs; sums of parts are H of all of them."""
    exact = inputs.astype(np.float64)
    return 2 * exact @ exact.T


def gptq(
    weights: Floats,
    H: NDArray[np.float64],
    bits: int,
    group_size: int | None = None,
    *,
    symmetric: bool = True,
    act_order: bool = False,
    block: int = BLOCK,
    dampening: float = DAMPENING,
) -> GroupedIntegers:
    """(rows, columns) weights and their Hessian. `group_size`: columns with one scale, the whole row where None.
    `act_order`: columns with the largest inputs first, which groups then follow.

    The result does not depend on `block`, only how fast it comes. Raises ValueError where columns make no whole groups,
    and numpy.linalg.LinAlgError where H is not positive definite even so.
    """
    rows, columns = weights.shape
    size = group_size or columns
    if columns % size:
        raise ValueError(f"{columns} columns do not make groups of {size}")
    W = weights.astype(np.float64)
    H = H.copy()
    # Inputs that are always zero tell nothing: their weights are zero, and round to that.
    dead = np.diag(H) == 0
    H[dead, dead] = 1
    W[:, dead] = 0
    order = np.argsort(-np.diag(H), kind="stable") if act_order else np.arange(columns)
    W, H = W[:, order], H[np.ix_(order, order)]
    U = _inverse_factor(H, dampening)

    codes = np.empty((rows, columns), np.uint8)
    grids: list[Grid] = []
    for start in range(0, columns, block):
        end = min(start + block, columns)
        E = np.empty((rows, end - start))
        for j in range(start, end):
            if j % size == 0:
                # Of the weights as they have become, and all of them: those of the group beyond this block as well.
                grids.append(fit_grid(_mended(W, E, U, start, j, end, j + size), bits, symmetric))
            grid = grids[-1]
            column = W[:, j : j + 1].astype(np.float32)
            codes[:, j : j + 1] = grid.codes(column)
            q = grid.numbers(codes[:, j : j + 1])[:, 0]
            E[:, j - start] = (W[:, j] - q) / U[j, j]
            W[:, j:end] -= np.outer(E[:, j - start], U[j, j:end])
        W[:, end:] -= E @ U[start:end, end:]

    return GroupedIntegers(
        bits,
        codes[:, np.argsort(order)],
        np.stack([grid.scale for grid in grids], axis=1),
        np.stack([grid.zero for grid in grids], axis=1).astype(np.int16),
        np.argsort(order) // size if act_order else None,
    )


def _inverse_factor(H: NDArray[np.float64], dampening: float) -> NDArray[np.float64]:
    """Cholesky(H^-1)^T, the upper triangle whose rows say how each column's error is mended."""
    damped = H + dampening * np.mean(np.diag(H)) * np.eye(len(H))
    return np.linalg.cholesky(np.linalg.inv(damped)).T


def _mended(
    W: NDArray[np.float64],
    E: NDArray[np.float64],
    U: NDArray[np.float64],
    start: int,
    j: int,
    end: int,
    until: int,
) -> NDArray[np.float32]:
    """Columns j to `until`, those from `end` on with what this block has put off for them so far."""
    group = W[:, j:until].copy()
    if until > end:
        group[:, end - j :] -= E[:, : j - start] @ U[start:j, end:until]
    return group.astype(np.float32)


def output_error(weights: Floats, rounded: Floats, H: NDArray[np.float64]) -> float:
    """||W X - Q X||^2 (equation 1), of the X that H was made of."""
    off = rounded.astype(np.float64) - weights.astype(np.float64)
    return float(np.einsum("ri,ij,rj->", off, H / 2, off, optimize=True))
