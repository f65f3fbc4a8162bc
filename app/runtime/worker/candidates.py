"""The tokens that may come next, in the form llama.cpp's samplers work on."""

from __future__ import annotations

import ctypes

import llama_cpp
import numpy as np
from numpy.typing import NDArray

_ROW = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
"""llama_token_data"""


class Candidates:
    """A table of tokens and their logits. `array` is what llama.cpp is given; it may reorder and cut it."""

    def __init__(self, vocabulary_size: int) -> None:
        self._table = np.zeros(vocabulary_size, _ROW)
        self._ids = np.arange(vocabulary_size, dtype=np.int32)
        self.array = llama_cpp.llama_token_data_array()

    def fill(self, logits: NDArray[np.float32]) -> None:
        """All tokens, in their order."""
        self._table["id"] = self._ids
        self._table["logit"] = logits
        self._table["p"] = 0.0
        self._offer(len(self._table))

    def keep(self, allowed: NDArray[np.bool_]) -> None:
        """Only these, of a table just filled. The others are gone and not merely impossible: some samplers
        take the logarithm of each probability."""
        kept = self._table[allowed]
        self._table[: len(kept)] = kept
        self._offer(len(kept))

    @property
    def logits(self) -> NDArray[np.float32]:
        """Of a table just filled."""
        logits: NDArray[np.float32] = self._table["logit"]
        return logits

    @property
    def count(self) -> int:
        return int(self.array.size)

    def chosen(self) -> int:
        """The token a chain of samplers chose; raises IndexError if it did not."""
        if not 0 <= self.array.selected < self.array.size:
            raise IndexError(self.array.selected)
        return int(self.array.data[self.array.selected].id)

    def _offer(self, count: int) -> None:
        self.array.data = self._table.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token_data))
        self.array.size = count
        self.array.selected = -1
        self.array.sorted = False
