"""Writes a GGUF adapter: the two matrices of each weight, named and ordered as the weight itself would be.

Keys and names: `src/llama-adapter.cpp` of llama.cpp. What reorders the rows of W reorders those of B, what reorders its
columns those of A.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np

from app.convert.adapter.pairs import Adapter, LoraPair
from app.convert.checkpoint.describing import describe
from app.convert.checkpoint.numbers import Numbers, converted
from app.convert.checkpoint.plan import ModelPlan, PlannedTensor
from app.convert.checkpoint.tensors import CheckpointTensor, UntilLastRow
from app.convert.checkpoint.transfer import Transfer
from app.convert.checkpoint.writing import declare, gguf_name, gguf_names, write_tensors
from app.convert.quantizations import Quantization
from app.core.errors import UnsupportedCheckpoint, from_os_error
from app.core.jobs import JobControl
from app.gguf.cursor import shorten


def write_adapter(
    partial: Path, target: Path, adapter: Adapter, plan: ModelPlan, kind: Quantization, control: JobControl
) -> None:
    """Writes `partial`, which faults call `target`. `adapter` is `fitted` to `plan`.

    Raises UnsupportedCheckpoint for what a GGUF adapter has no place for, and as `write_gguf`.
    """
    if adapter.whole:
        raise UnsupportedCheckpoint(
            f"The adapter {adapter.folder.name} has {shorten(next(iter(adapter.whole)))} trained as a whole, for which "
            "a GGUF adapter has no place.",
            "Merge it: nibble convert CHECKPOINT --lora ADAPTER.",
        )
    alpha = _alpha(adapter)
    transfers = [
        each for planned in plan.tensors for each in _transfers(planned, plan, adapter, alpha, kind.name)
    ]
    writer = gguf.GGUFWriter(partial, plan.architecture)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    describe(adapter.folder, writer, sum(transfer.planned.elements for transfer in transfers), {})
    writer.add_file_type(kind.file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    declare(writer, transfers)
    try:
        try:
            write_tensors(writer, (), transfers, f"Converting to {kind.name}", control)
        finally:
            writer.close()
    except OSError as error:  # of the target: reading raises faults of its own
        raise from_os_error(error, target, writing=True) from error


def _alpha(adapter: Adapter) -> float:
    """The runtime multiplies every B A by this over its rank. Right for the first pair, and so for most adapters for
    all; `_Scaled` makes up for the rest."""
    first = next(iter(adapter.pairs.values()))
    return float(np.float32(first.scale * first.rank))


def _transfers(
    planned: PlannedTensor, plan: ModelPlan, adapter: Adapter, alpha: float, wanted: str
) -> Iterator[Transfer]:
    pairs = [adapter.pairs[name] for name in planned.source_names if name in adapter.pairs]
    if not pairs:
        return
    if len(pairs) < len(planned.source_names) or len({pair.rank for pair in pairs}) > 1:
        raise UnsupportedCheckpoint(
            f"The adapter {adapter.folder.name} does not change all experts of {planned.name} alike.",
            "Merge it: nibble convert CHECKPOINT --lora ADAPTER.",
        )
    (rows, columns), rank = pairs[0].shape, pairs[0].rank
    low: list[CheckpointTensor] = [pair.a for pair in pairs]
    high = [_scaled(pair, alpha) for pair in pairs]
    a, b = (rank, columns), (rows, rank)
    if pairs[0].is_of_embedding:
        # Its rows are looked up: llama.cpp wants A the other way round, and multiplies by B.
        low, a, b = [_Transposed(pair.a) for pair in pairs], (rows, rank), (columns, rank)
    stacked = planned.stacked
    name = gguf_name(gguf_names(plan), planned)
    for half, shape, sources, rope_rows, taken_rows, taken_columns in (
        ("a", a, low, 0, None, planned.columns),
        ("b", b, high, planned.rope_rows, planned.rows, None),
    ):
        made = PlannedTensor(
            f"{planned.name}.lora_{half}",
            shape,
            rope_rows,
            stacked=stacked,
            rows=taken_rows,
            columns=taken_columns,
        )
        yield Transfer(f"{name}.lora_{half}", made, tuple(sources), wanted)


def _scaled(pair: LoraPair, alpha: float) -> CheckpointTensor:
    """B, so that alpha over the rank is the right scale."""
    factor = np.float32(pair.scale * pair.rank / alpha)
    return pair.b if factor == 1 else _Scaled(pair.b, factor)


class _Scaled:
    dtype = "F32"

    def __init__(self, tensor: CheckpointTensor, factor: np.float32) -> None:
        self._tensor, self._factor = tensor, factor
        self.name, self.shape, self.size_bytes = tensor.name, tensor.shape, tensor.size_bytes

    def rows(self, start: int, count: int) -> Numbers:
        numbers: Numbers = (
            converted(self._tensor.rows(start, count), self._tensor.dtype, "F32") * self._factor
        )
        return numbers


class _Transposed:
    """All of it is read for any of its rows, but only once from the first to the last."""

    def __init__(self, tensor: CheckpointTensor) -> None:
        rows, columns = tensor.shape
        self._whole = UntilLastRow(lambda: tensor.rows(0, rows).T, columns)
        self.name, self.dtype, self.size_bytes = tensor.name, tensor.dtype, tensor.size_bytes
        self.shape = (columns, rows)

    def rows(self, start: int, count: int) -> Numbers:
        return self._whole.for_rows(count)[start : start + count]
