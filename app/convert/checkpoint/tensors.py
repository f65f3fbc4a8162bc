"""Tensors of a checkpoint as matrices that can be read some rows at a time, however they are stored."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from threading import Lock
from typing import Generic, Protocol, TypeVar

import numpy as np

from app.convert.checkpoint.numbers import STORED, Numbers
from app.convert.checkpoint.safetensors import StoredTensor
from app.convert.checkpoint.weights import Weights
from app.core.errors import UnsupportedCheckpoint
from app.gguf.cursor import shorten

T = TypeVar("T")


class CheckpointTensor(Protocol):
    """`dtype`: the type of `numbers.STORED` in which rows are given. `size_bytes`: of all that is read for them."""

    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def size_bytes(self) -> int: ...

    def rows(self, start: int, count: int) -> Numbers:
        """(count, columns) numbers, with all dimensions but the last as rows; of a vector, (count, 1).

        Any thread may ask. Raises DamagedCheckpoint where the file was cut, and UnsupportedCheckpoint.
        """
        ...


class PlainTensor:
    """Numbers as they are in the file."""

    def __init__(self, stored: StoredTensor, weights: Weights) -> None:
        self._stored = stored
        self._weights = weights
        self.name, self.dtype, self.shape, self.size_bytes = (
            stored.name,
            stored.dtype,
            stored.shape,
            stored.size_bytes,
        )

    def rows(self, start: int, count: int) -> Numbers:
        if self.dtype not in STORED:
            raise UnsupportedCheckpoint(
                f"{shorten(self.name)} is stored as {self.dtype}, which Nibble does not read.",
                "Choose the original checkpoint, or download a GGUF file of this model.",
            )
        rows, columns = matrix_shape(self.shape)
        row_bytes = self.size_bytes // max(rows, 1)
        content = self._weights.read(self._stored, start * row_bytes, count * row_bytes)
        return np.frombuffer(content, STORED[self.dtype]).reshape(count, columns)


class UntilLastRow(Generic[T]):
    """What all rows of a tensor are made of: in memory from when the first ones are asked for until all were once."""

    def __init__(self, read: Callable[[], T], rows: int) -> None:
        self._read = read
        self._rows = self._left = rows
        self._kept: T | None = None
        self._reading = Lock()

    def for_rows(self, count: int) -> T:
        with self._reading:
            kept = self._read() if self._kept is None else self._kept
            self._left -= count
            self._kept = kept if self._left > 0 else None
            if self._left <= 0:
                self._left = self._rows
            return kept


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns; a vector is a column."""
    if len(shape) < 2:
        return prod(shape), 1
    return prod(shape[:-1]), shape[-1]
