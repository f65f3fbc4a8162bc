"""What an importance matrix is.

For a layer y = Wx the error that rounding W makes in y grows with the mean of x_j², so the quantizer weighs column j
of W by it. Such means, taken over a text, are the importance matrix: https://github.com/ggml-org/llama.cpp/pull/4861,
and its file format https://github.com/ggml-org/llama.cpp/pull/9400.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Importance:
    """Of one weight matrix, or of the experts that are stored together.

    `sums` of squares of its inputs, float32 [counts, columns]; `counts` of the tokens they were summed over, int64
    [counts]: one for each expert, else a single one. (A file of the old format counts chunks and not tokens, and
    has a single row for all experts.)
    """

    sums: NDArray[np.float32]
    counts: NDArray[np.int64]

    def weights(self) -> NDArray[np.float32]:
        """Mean squares in one row, as the quantizer takes them; 1 for an expert that saw no token."""
        seen = self.counts > 0
        divisors = np.where(seen, self.counts, 1).astype(np.float32)[:, None]
        return np.where(seen[:, None], self.sums / divisors, np.float32(1)).astype(np.float32).ravel()


@dataclass(frozen=True)
class ImportanceMatrix:
    """By the name of the tensor. Taken over `chunks` pieces of `chunk_tokens` tokens (0: not told) of the texts called
    `datasets`."""

    tensors: Mapping[str, Importance]
    datasets: tuple[str, ...]
    chunks: int
    chunk_tokens: int
