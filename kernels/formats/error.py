"""What rounding did to weights, in figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RoundingError:
    """`rms` and `largest` are in the weights' own unit; `relative` is `rms` over the root mean square of the weights
    themselves, 0 for none and near 1 where nothing of them is left."""

    rms: float
    largest: float
    relative: float


def rounding_error(original: NDArray[np.floating], restored: NDArray[np.floating]) -> RoundingError:
    """Of two arrays of one shape, zero for empty ones. In double precision, since millions of small squares are added.

    Raises ValueError for arrays of different shapes.
    """
    if original.shape != restored.shape:
        raise ValueError(f"{original.shape} and {restored.shape} are not the same weights")
    if not original.size:
        return RoundingError(0.0, 0.0, 0.0)
    exact = original.astype(np.float64)
    off = restored.astype(np.float64) - exact
    rms = float(np.sqrt(np.mean(off * off)))
    size = float(np.sqrt(np.mean(exact * exact)))
    return RoundingError(rms, float(np.max(np.abs(off))), rms / size if size else 0.0)
