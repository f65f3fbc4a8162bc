"""NaN and infinity among weights: found by their exponents as they are read, and only counted where there are any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock

import numpy as np

from app.convert.checkpoint.numbers import BLOCKS, Numbers, reaches
from app.convert.checkpoint.tensors import CheckpointTensor, matrix_shape
from app.convert.checkpoint.transfer import PIECE_BYTES
from app.convert.non_finite import NonFiniteFound, NonFiniteTensor
from app.core.errors import NonFiniteWeights
from app.core.jobs import CancelToken

_INFINITY = {
    "F64": ("<u8", 0x7FF0_0000_0000_0000),
    "F32": ("<u4", 0x7F80_0000),
    "F16": ("<u2", 0x7C00),
    "BF16": ("<u2", 0x7F80),
}
"""Its bits, which those of all finite numbers stay below and those of every NaN are above, signs aside."""
_MOST_NAMED = 3


def count_non_finite(numbers: Numbers, kind: str) -> tuple[int, int]:
    """How many are NaN, and how many infinite. In blocks, weights whose scale is."""
    if kind in BLOCKS:
        return _count_in_blocks(numbers, kind)
    unsigned, infinity = _INFINITY[kind]
    bits = numbers.view(unsigned)
    if not reaches(bits, infinity):
        return 0, 0
    magnitudes = bits & bits.dtype.type((1 << bits.dtype.itemsize * 8 - 1) - 1)
    return int(np.count_nonzero(magnitudes > infinity)), int(np.count_nonzero(magnitudes == infinity))


def _count_in_blocks(rows: Numbers, kind: str) -> tuple[int, int]:
    weights, size = BLOCKS[kind]
    if kind == "MXFP4":  # E8M0 of the OCP Microscaling Formats, which has a NaN and no infinity
        return weights * int(np.count_nonzero(rows.reshape(-1, size)[:, 0] == 0xFF)), 0
    scales = rows.view("<u2").reshape(-1, size // 2)[:, : 2 if kind == "Q4_1" else 1]
    if not any(reaches(each, _INFINITY["F16"][1]) for each in scales.T):
        return 0, 0
    halves = np.ascontiguousarray(scales).view("<f2")
    nan = np.isnan(halves).any(axis=1)
    infinite = np.isinf(halves).any(axis=1) & ~nan
    return weights * int(np.count_nonzero(nan)), weights * int(np.count_nonzero(infinite))


class NonFiniteWatch:
    """Looks at all rows that are read of `tensors`.

    `allows`: goes on where some are no numbers, and `found` tells which. Otherwise the first of them ends the reading:
    all tensors are looked at, and a fault names those with such weights.
    """

    def __init__(self, tensors: Mapping[str, CheckpointTensor], cancel: CancelToken, *, allows: bool) -> None:
        self._tensors = tensors
        self._cancel = cancel
        self._allows = allows
        self._concerned: set[str] = set()
        self._refusal: NonFiniteWeights | None = None
        self._refusing = Lock()

    def watched(self) -> dict[str, CheckpointTensor]:
        return {name: _Watched(name, tensor, self) for name, tensor in self._tensors.items()}

    def look(self, name: str, rows: Numbers) -> None:
        """Raises NonFiniteWeights and Cancelled."""
        if any(count_non_finite(rows, self._tensors[name].dtype)):
            self._concerned.add(name)
            if not self._allows:
                with self._refusing:
                    self._refusal = self._refusal or _refusal(self._counted(self._tensors))
                raise self._refusal

    def found(self) -> NonFiniteFound | None:
        """Reads once more what holds such weights, since some rows are read several times and are counted once."""
        tensors = self._counted(name for name in self._tensors if name in self._concerned)
        return NonFiniteFound(tensors) if tensors else None

    def _counted(self, names: Iterable[str]) -> tuple[NonFiniteTensor, ...]:
        counted = (self._count(name) for name in names)
        return tuple(each for each in counted if each.nan or each.infinite)

    def _count(self, name: str) -> NonFiniteTensor:
        tensor = self._tensors[name]
        rows, _ = matrix_shape(tensor.shape)
        step = max(PIECE_BYTES * rows // max(tensor.size_bytes, 1), 1)
        nan = infinite = 0
        for start in range(0, rows, step):
            self._cancel.raise_if_cancelled()
            more = count_non_finite(tensor.rows(start, min(step, rows - start)), tensor.dtype)
            nan, infinite = nan + more[0], infinite + more[1]
        return NonFiniteTensor(name, nan, infinite)


class _Watched:
    """`name`: what the watch calls it, which an adapter or another kind of checkpoint may call otherwise."""

    def __init__(self, name: str, tensor: CheckpointTensor, watch: NonFiniteWatch) -> None:
        self.name, self.dtype, self.shape, self.size_bytes = (
            name,
            tensor.dtype,
            tensor.shape,
            tensor.size_bytes,
        )
        self._tensor, self._watch = tensor, watch

    def rows(self, start: int, count: int) -> Numbers:
        rows = self._tensor.rows(start, count)
        self._watch.look(self.name, rows)
        return rows


def _refusal(found: tuple[NonFiniteTensor, ...]) -> NonFiniteWeights:
    named = ", ".join(map(str, found[:_MOST_NAMED]))
    more = f" and {len(found) - _MOST_NAMED} more tensors" if len(found) > _MOST_NAMED else ""
    return NonFiniteWeights(
        f"Some of these weights are no numbers: {named}{more}.",
        "Download the files again; where they were published so, choose another checkpoint, or allow such weights in "
        "F32, F16 or BF16 (--allow-non-finite).",
    )
