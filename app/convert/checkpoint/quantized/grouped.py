"""Layers whose weights are integers with a scale for each group, as tensors: GPTQ, AWQ and compressed-tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from app.convert.checkpoint.config import damaged
from app.convert.checkpoint.numbers import Numbers
from app.convert.checkpoint.tensors import CheckpointTensor, UntilLastRow, matrix_shape
from app.gguf.cursor import shorten
from kernels.formats.ggml_blocks import exact_type, to_q4_0, to_q4_1, to_q8_0
from kernels.formats.grouped import GroupedIntegers

_PACK = {"Q4_0": to_q4_0, "Q4_1": to_q4_1, "Q8_0": to_q8_0}


class GroupedTensor:
    """(rows, columns) weights.

    `keeps`: rows are given as blocks of a GGUF that hold the same integers and scales, where there are such
    (`exact_type`); as F32 numbers else. The layer is in memory, a byte a weight, from its first row to its last.
    """

    def __init__(
        self,
        name: str,
        parts: Sequence[CheckpointTensor],
        unpack: Callable[[], GroupedIntegers],
        *,
        keeps: bool,
    ) -> None:
        self.name = name
        self.size_bytes = sum(part.size_bytes for part in parts)
        self._unpack = unpack
        whole = self._read()
        self.shape: tuple[int, ...] = whole.codes.shape
        self.exact = exact_type(whole)
        """The type of block that holds it without a second rounding; None where none does."""
        self._whole = UntilLastRow(self._read, self.shape[0])
        self.dtype = self.exact if keeps and self.exact is not None else "F32"

    def rows(self, start: int, count: int) -> Numbers:
        some = _rows(self._whole.for_rows(count), slice(start, start + count))
        return _PACK[self.dtype](some) if self.dtype in _PACK else some.dequantized()

    def _read(self) -> GroupedIntegers:
        try:
            return self._unpack()
        except (ValueError, IndexError, ZeroDivisionError) as error:
            raise damaged(
                "The checkpoint", f"the parts of {shorten(self.name)} do not fit each other ({error})"
            ) from error


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
