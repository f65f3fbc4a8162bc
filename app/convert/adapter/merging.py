"""Weights with an adapter in them: W + scale B A, in F32, some rows at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.convert.adapter.fitting import fitted
from app.convert.adapter.pairs import Adapter, LoraPair
from app.convert.checkpoint.numbers import Numbers, converted
from app.convert.checkpoint.plan import ModelPlan
from app.convert.checkpoint.tensors import CheckpointTensor, UntilLastRow, matrix_shape
from app.core.errors import WrongChoice
from app.gguf.cursor import shorten

_ALONE = 1 << 18
"""So many multiplications OpenBLAS does on one thread (`SMP_THRESHOLD_MIN` times `GEMM_MULTITHREAD_THRESHOLD`)."""


def merged_tensors(
    tensors: Mapping[str, CheckpointTensor], adapter: Adapter, plan: ModelPlan
) -> dict[str, CheckpointTensor]:
    """`tensors` of the checkpoint, those that the adapter has trained whole taken from there and those beside which it
    has matrices merged. Raises as `fitted`."""
    adapter = fitted(adapter, plan)
    merged = dict(tensors)
    for name, tensor in adapter.whole.items():
        if name not in merged or merged[name].shape != tensor.shape:
            raise WrongChoice(
                f"The adapter {adapter.folder.name} has a {shorten(name)} of its own, which is another one than the "
                "checkpoint's in its shape.",
                "Where it was trained with more tokens, choose the checkpoint that has them.",
            )
        merged[name] = tensor
    for name, pair in adapter.pairs.items():
        if name in merged:  # what is missing, the plan tells
            merged[name] = _Merged(merged[name], pair)
    return merged


class _Merged:
    """The two matrices are in memory, as F32, from the first row to the last."""

    dtype = "F32"

    def __init__(self, weight: CheckpointTensor, pair: LoraPair) -> None:
        self._weight, self._pair = weight, pair
        self.name, self.shape = weight.name, weight.shape
        rows, _ = matrix_shape(self.shape)
        self._halves = UntilLastRow(lambda: (_matrix(pair.a), _matrix(pair.b)), rows)
        self.size_bytes = weight.size_bytes

    def rows(self, start: int, count: int) -> Numbers:
        a, b = self._halves.for_rows(count)
        some = slice(start, start + count)
        change = _product(a[:, some].T, b.T) if self._pair.is_of_embedding else _product(b[some], a)
        change *= np.float32(self._pair.scale)
        change += converted(self._weight.rows(start, count), self._weight.dtype, "F32")
        return change


def _product(left: Numbers, right: Numbers) -> Numbers:
    """left @ right, some columns at a time: pieces are made on all processors already, and where OpenBLAS shares each
    of them out once more, its threads wait for each other several times as long as they compute."""
    rows, rank = left.shape
    columns = right.shape[1]
    product = np.empty((rows, columns), np.float32)
    step = max(_ALONE // (rows * rank), 1)
    for start in range(0, columns, step):
        some = slice(start, start + step)
        np.matmul(left, right[:, some], out=product[:, some])
    return product


def _matrix(tensor: CheckpointTensor) -> Numbers:
    rows, _ = matrix_shape(tensor.shape)
    return converted(tensor.rows(0, rows), tensor.dtype, "F32")
