"""Layers whose weights are integers with a scale for each group, as tensors: GPTQ, AWQ, compressed-tensors, torchao."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

import numpy as np

from app.convert.checkpoint.config import damaged
from app.convert.checkpoint.numbers import STORED, Numbers
from app.convert.checkpoint.tensors import CheckpointTensor, UntilLastRow, matrix_shape
from app.gguf.cursor import shorten
from kernels.formats.ggml_blocks import exact_type, to_q4_0, to_q4_1, to_q8_0
from kernels.formats.grouped import GroupedIntegers, Groups

S = TypeVar("S")

ALIGNED = 32
"""So many numbers of any width begin and end with a 32-bit word."""
_PACK = {"Q4_0": to_q4_0, "Q4_1": to_q4_1, "Q8_0": to_q8_0}


class GroupedLayer(Protocol[S]):
    """One layer as its format stores it, over a page of `kernels.formats`. All raise ValueError, IndexError or
    ZeroDivisionError where its parts do not fit each other.

    `shape`: rows and columns of the weights. `parts`: all that is read for them.
    """

    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def parts(self) -> Sequence[CheckpointTensor]: ...

    def groups(self) -> Groups:
        """Without reading the integers."""
        ...

    def read(self) -> S: ...

    def unpack(self, stored: S, rows: slice) -> GroupedIntegers:
        """Some rows, which begin and end with a multiple of ALIGNED, or with the last one."""
        ...


class GroupedTensor(Generic[S]):
    """(rows, columns) weights.

    `keeps`: rows are given as blocks of a GGUF that hold the same integers and scales, where there are such
    (`exact_type`); as F32 numbers else. The layer as it is stored is in memory from its first row to its last, since
    the integers of a row may be spread over all of it.
    """

    def __init__(self, name: str, layer: GroupedLayer[S], *, keeps: bool) -> None:
        self.name = name
        self.size_bytes = sum(part.size_bytes for part in layer.parts)
        self._layer = layer
        with _fitting(name):
            self.shape: tuple[int, ...] = layer.shape
            self.exact = exact_type(layer.groups())
            """The type of block that holds it without a second rounding; None where none does."""
        self.dtype = self.exact if keeps and self.exact is not None else "F32"
        self._stored = UntilLastRow(layer.read, self.shape[0])

    def rows(self, start: int, count: int) -> Numbers:
        with _fitting(self.name):
            stored = self._stored.for_rows(count)
            first = start // ALIGNED * ALIGNED
            end = min(-(-(start + count) // ALIGNED) * ALIGNED, self.shape[0])
            some = _rows(
                self._layer.unpack(stored, slice(first, end)), slice(start - first, start - first + count)
            )
            return _PACK[self.dtype](some) if self.dtype in _PACK else some.dequantized()


@contextmanager
def _fitting(name: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise damaged(
            "The checkpoint", f"the parts of {shorten(name)} do not fit each other ({error})"
        ) from error


def not_read(tensor: CheckpointTensor) -> Numbers:
    """Stands for a matrix of which only the shape counts; takes no memory."""
    rows, columns = tensor.shape
    return np.broadcast_to(np.zeros((), STORED.get(tensor.dtype, "V1")), (rows, columns))


def matrix(tensor: CheckpointTensor) -> Numbers:
    """All of it, in its shape."""
    rows, _ = matrix_shape(tensor.shape)
    return tensor.rows(0, rows).reshape(tensor.shape)


def scales_of(tensor: CheckpointTensor) -> Numbers:
    """Numbers of any type in which scales are stored."""
    numbers = matrix(tensor)
    if tensor.dtype == "BF16":
        return (numbers.astype("<u4") << 16).view("<f4")
    return numbers


def _rows(whole: GroupedIntegers, rows: slice) -> GroupedIntegers:
    return replace(whole, codes=whole.codes[rows], scales=whole.scales[rows], zeros=whole.zeros[rows])
