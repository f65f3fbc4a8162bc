"""The tokens of one llama_decode."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import llama_cpp
import numpy as np


class Batch:
    """llama.cpp's batch over arrays that are made once: tokens of several sequences, with their positions."""

    def __init__(self, capacity: int) -> None:
        self._count = 0
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._sequences = np.zeros(capacity, np.int32)
        self._outputs = np.zeros(capacity, np.int8)
        self._sequence_counts = np.ones(capacity, np.int32)
        first = self._sequences.ctypes.data
        self._sequence_lists = np.arange(first, first + 4 * capacity, 4, dtype=np.uintp)
        self.native = llama_cpp.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._sequence_counts, ctypes.c_int32),
            seq_id=_pointer(self._sequence_lists, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(self._outputs, ctypes.c_int8),
        )

    def clear(self) -> None:
        self._count = 0

    def add(self, sequence: int, position: int, tokens: Sequence[int], *, wants_logits: bool) -> int:
        """Adds `tokens` from `position` on; returns the index of the last one, after which logits may be wanted."""
        start, end = self._count, self._count + len(tokens)
        if end - start == 1:  # once for every token that is written
            self._tokens[start], self._positions[start] = tokens[0], position
            self._sequences[start], self._outputs[start] = sequence, wants_logits
        else:
            self._tokens[start:end] = tokens
            self._positions[start:end] = range(position, position + len(tokens))
            self._sequences[start:end] = sequence
            self._outputs[start:end] = 0
            self._outputs[end - 1] = wants_logits
        self._count = self.native.n_tokens = end
        return end - 1


def _pointer(array: np.ndarray[tuple[int], np.dtype[np.generic]], kind: type) -> object:
    return array.ctypes.data_as(ctypes.POINTER(kind))
