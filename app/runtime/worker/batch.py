"""The tokens of one llama_decode."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import llama_cpp

_Token = ctypes.c_int32
_TokenPointer = ctypes.POINTER(_Token)


class Batch:
    """llama.cpp's batch over arrays that are made once: tokens of several sequences, with their positions."""

    def __init__(self, capacity: int) -> None:
        self._count = 0
        self._tokens = (_Token * capacity)()
        self._positions = (_Token * capacity)()
        self._sequences = (_Token * capacity)()
        self._outputs = (ctypes.c_int8 * capacity)()
        self._sequence_counts = (_Token * capacity)(*[1] * capacity)
        first, step = ctypes.addressof(self._sequences), ctypes.sizeof(_Token)
        places = [ctypes.cast(first + index * step, _TokenPointer) for index in range(capacity)]
        self._sequence_lists = (_TokenPointer * capacity)(*places)
        self.native = llama_cpp.llama_batch(
            n_tokens=0,
            token=self._tokens,
            embd=None,
            pos=self._positions,
            n_seq_id=self._sequence_counts,
            seq_id=self._sequence_lists,
            logits=self._outputs,
        )

    def clear(self) -> None:
        self._count = 0

    def add(self, sequence: int, position: int, tokens: Sequence[int], *, wants_logits: bool) -> int:
        """Adds `tokens` from `position` on; returns the index of the last one, after which logits may be wanted."""
        count = len(tokens)
        start, end = self._count, self._count + count
        self._tokens[start:end] = list(tokens)
        self._positions[start:end] = list(range(position, position + count))
        self._sequences[start:end] = [sequence] * count
        self._outputs[start:end] = [0] * count
        self._outputs[end - 1] = wants_logits
        self._count = self.native.n_tokens = end
        return end - 1

    def replace(self, index: int, token: int) -> None:
        """Puts the next token of the same sequence in the place of the one at `index`."""
        self._tokens[index] = token
        self._positions[index] += 1
