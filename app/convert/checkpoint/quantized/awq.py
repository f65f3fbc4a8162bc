"""AWQ: `…qweight`, `…qzeros` and `…scales` are `…weight` together. See `kernels.formats.awq`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.convert.checkpoint.config import Config, damaged
from app.convert.checkpoint.numbers import Numbers
from app.convert.checkpoint.quantized.grouped import GroupedTensor, matrix, not_read, scales_of
from app.convert.checkpoint.tensors import CheckpointTensor
from app.core.errors import UnsupportedCheckpoint
from app.gguf.cursor import shorten
from kernels.formats.awq import (
    BITS,
    IN_WORD,
    AwqTensors,
    gemm_groups,
    gemm_outputs,
    gemv_groups,
    gemv_outputs,
    unpack_gemm,
    unpack_gemv,
)
from kernels.formats.grouped import GroupedIntegers, Groups

_PARTS = ("qweight", "qzeros", "scales")
_MOST_GROUP = 1 << 20


def awq_tensors(
    stored: Mapping[str, CheckpointTensor], config: Config, *, keeps: bool
) -> dict[str, CheckpointTensor]:
    """Raises DamagedCheckpoint, and UnsupportedCheckpoint for a layout that is not published."""
    layout = config.text("version", default="gemm").lower()
    if layout not in ("gemm", "gemv") or config.count("bits", 64, default=BITS) != BITS:
        raise UnsupportedCheckpoint(
            f"These weights are in AWQ's layout {shorten(layout)}, which Nibble does not read.",
            "Choose a checkpoint in the layout GEMM, or the original one.",
        )
    group = config.count("group_size", _MOST_GROUP, default=128)
    tensors: dict[str, CheckpointTensor] = {}
    for name, tensor in stored.items():
        prefix, _, part = name.rpartition(".")
        if f"{prefix}.qweight" not in stored or part not in _PARTS:
            tensors[name] = tensor
        elif part == "qweight":
            tensors[f"{prefix}.weight"] = _layer(prefix, stored, layout, group, keeps)
    return tensors


def _layer(
    prefix: str, stored: Mapping[str, CheckpointTensor], layout: str, group: int, keeps: bool
) -> GroupedTensor[AwqTensors]:
    weight, zeros, scales = (stored.get(f"{prefix}.{part}") for part in _PARTS)
    if weight is None or zeros is None or scales is None:
        raise damaged("The checkpoint", f"{prefix} lacks zero points or scales")
    kept = _Gemm(weight, zeros, scales) if layout == "gemm" else _Gemv(weight, zeros, scales, group)
    return GroupedTensor(f"{prefix}.weight", kept, keeps=keeps)


@dataclass(frozen=True)
class _Layer:
    weight: CheckpointTensor
    zeros: CheckpointTensor
    scales: CheckpointTensor

    @property
    def parts(self) -> tuple[CheckpointTensor, ...]:
        return self.weight, self.zeros, self.scales

    def read(self) -> AwqTensors:
        return self._with(matrix(self.weight))

    def _with(self, words: Numbers) -> AwqTensors:
        return AwqTensors(words, matrix(self.zeros), scales_of(self.scales))


@dataclass(frozen=True)
class _Gemm(_Layer):
    @property
    def shape(self) -> tuple[int, int]:
        columns, words = self.weight.shape
        return words * IN_WORD, columns

    def groups(self) -> Groups:
        return gemm_groups(self._with(not_read(self.weight)))

    def unpack(self, stored: AwqTensors, rows: slice) -> GroupedIntegers:
        return unpack_gemm(gemm_outputs(stored, rows))


@dataclass(frozen=True)
class _Gemv(_Layer):
    group: int

    @property
    def shape(self) -> tuple[int, int]:
        rows, words = self.weight.shape
        return rows, words * IN_WORD

    def groups(self) -> Groups:
        return gemv_groups(self._with(not_read(self.weight)), self.group)

    def unpack(self, stored: AwqTensors, rows: slice) -> GroupedIntegers:
        return unpack_gemv(gemv_outputs(stored, rows), self.group)
