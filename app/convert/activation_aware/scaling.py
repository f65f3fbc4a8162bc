"""Scales for a checkpoint's tensors, and the tensors with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.convert.activation_aware.folds import Fold, folds_of
from app.convert.checkpoint.numbers import Numbers, converted
from app.convert.checkpoint.plan import ModelPlan, PlannedTensor
from app.convert.checkpoint.tensors import CheckpointTensor, matrix_shape
from app.convert.checkpoint.writing import gguf_name, gguf_names
from app.convert.quantizations import Quantization
from app.core.errors import WrongChoice
from app.core.jobs import JobControl
from app.gguf.importance import Importance, ImportanceMatrix
from kernels.formats.awq_method import awq_scale_of_squares

_MOST_WEIGHTS = 1 << 21
"""Of each matrix that are tried: rows from all over it."""
_GROUP = 32

Scale = NDArray[np.float32]


@dataclass(frozen=True)
class Scales:
    """By the name of the tensor in the checkpoint: what its columns are multiplied by, and its rows."""

    columns: Mapping[str, Scale] = field(default_factory=dict)
    rows: Mapping[str, Scale] = field(default_factory=dict)


def scales_of(
    tensors: Mapping[str, CheckpointTensor],
    plan: ModelPlan,
    importance: ImportanceMatrix,
    kind: Quantization,
    control: JobControl,
) -> Scales:
    """The scales with which rounding to about the bits of `kind` costs the outputs of layers least. Progress is in
    folds.

    Raises WrongChoice for the importance matrix of another model, and Cancelled.
    """
    planned = {each.name: each for each in plan.tensors}
    names = gguf_names(plan)
    columns: dict[str, Scale] = {}
    rows: dict[str, Scale] = {}
    folds = folds_of(plan)
    for number, fold in enumerate(folds):
        control.cancel.raise_if_cancelled()
        control.progress("Scaling by activations", number, len(folds), "folds")
        squares = _squares(importance.tensors.get(gguf_name(names, planned[fold.consumers[0]])))
        if squares is None:
            continue
        width = planned[fold.consumers[0]].shape[1]
        if len(squares) != width:
            raise _of_another()
        scale = _scale(fold, tensors, squares, kind)
        if scale is None:
            continue
        for name in fold.consumers:
            columns[name] = scale
        for name in fold.producers:
            whole = np.ones(planned[name].shape[0], np.float32)
            whole[fold.first_row : fold.first_row + width] = 1 / scale
            rows[name] = whole
    if folds and not importance.tensors:
        raise _of_another()
    return Scales(columns, rows)


def _scale(
    fold: Fold, tensors: Mapping[str, CheckpointTensor], squares: Scale, kind: Quantization
) -> Scale | None:
    """None where none is better than 1."""
    if len(squares) % _GROUP:
        return None
    some = np.concatenate([_some_rows(tensors[name], len(fold.consumers)) for name in fold.consumers])
    bits = min(max(int(kind.bits_per_weight), 2), 8)
    found = awq_scale_of_squares(some, squares, bits, _GROUP, symmetric=kind.name.endswith("_0"))
    return found.scale if found.error < found.plain_error else None


def _some_rows(tensor: CheckpointTensor, among: int) -> Numbers:
    rows, width = matrix_shape(tensor.shape)
    count = min(rows, max(_MOST_WEIGHTS // width // among, 1))
    first = np.unique(np.linspace(0, rows - 1, count).astype(int))
    picked = [tensor.rows(int(row), 1) for row in first] if count < rows else [tensor.rows(0, rows)]
    return converted(np.concatenate(picked), tensor.dtype, "F32")


def _squares(importance: Importance | None) -> Scale | None:
    """The mean square of each input."""
    return None if importance is None or len(importance.counts) != 1 else importance.weights()


def _of_another() -> WrongChoice:
    return WrongChoice(
        "This importance matrix is of another model: its columns are not this one's.",
        "Calibrate this model, and choose what comes out.",
    )


def scaled_tensors(
    tensors: Mapping[str, CheckpointTensor], plan: ModelPlan, scales: Scales
) -> dict[str, CheckpointTensor]:
    """`tensors` with `scales` in them, as F32."""
    planned = {each.name: each for each in plan.tensors}
    return {
        name: _Scaled(tensor, planned[name], scales.columns.get(name), scales.rows.get(name))
        if name in scales.columns or name in scales.rows
        else tensor
        for name, tensor in tensors.items()
    }


def scaled_importance(importance: ImportanceMatrix, plan: ModelPlan, scales: Scales) -> ImportanceMatrix:
    """Of the scaled model: its inputs are smaller by the scales of the columns that they meet."""
    names = gguf_names(plan)
    found = dict(importance.tensors)
    for planned in plan.tensors:
        scale = scales.columns.get(planned.name)
        name = gguf_name(names, planned)
        if scale is not None and name in found:
            found[name] = Importance(found[name].sums / scale**2, found[name].counts)
    return ImportanceMatrix(found, importance.datasets, importance.chunks, importance.chunk_tokens)


class _Scaled:
    dtype = "F32"

    def __init__(
        self, tensor: CheckpointTensor, planned: PlannedTensor, columns: Scale | None, rows: Scale | None
    ) -> None:
        self._tensor, self._columns, self._rows = tensor, columns, rows
        self._plus = np.float32(planned.plus)  # what a norm adds to its numbers before it multiplies by them
        self.name, self.shape, self.size_bytes = tensor.name, tensor.shape, tensor.size_bytes

    def rows(self, start: int, count: int) -> Numbers:
        numbers = converted(self._tensor.rows(start, count), self._tensor.dtype, "F32") + self._plus
        if self._columns is not None:
            numbers = numbers * self._columns
        if self._rows is not None:
            numbers = numbers * self._rows[start : start + count, None]
        scaled: Numbers = numbers - self._plus
        return scaled
