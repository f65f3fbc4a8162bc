"""From logits to log-probabilities, inside the buffer that holds the logits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def log_probabilities(logits: NDArray[np.float32], tokens: Sequence[int]) -> list[float]:
    """The natural logarithm of the probability that row i of `logits` gives to `tokens[i]`.

    Overwrites `logits`, a row per token and a column per entry of the vocabulary: a copy would
    double the memory. The largest logit of each row is subtracted first, so that nothing grows
    beyond a float; sums and results are float64. Not a number where a row is no distribution (it
    holds one that is no number or plus infinity, or nothing but minus infinity).
    """
    with np.errstate(over="ignore", invalid="ignore"):
        largest = logits.max(axis=1, keepdims=True)
        above = logits[np.arange(len(tokens)), tokens].astype(np.float64) - largest[:, 0].astype(np.float64)
        np.subtract(logits, largest, out=logits)
        np.exp(logits, out=logits)
        found: list[float] = (above - np.log(logits.sum(axis=1, dtype=np.float64))).tolist()
    return found
