"""GPTQ: `…qweight`, `…qzeros`, `…scales` and mostly `…g_idx` are `…weight` together. See `kernels.formats.gptq`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.convert.checkpoint.config import Config, damaged
from app.convert.checkpoint.numbers import Numbers
from app.convert.checkpoint.quantized.grouped import GroupedTensor, matrix, not_read, scales_of
from app.convert.checkpoint.tensors import CheckpointTensor
from kernels.formats.gptq import GptqTensors, gptq_groups, gptq_outputs, unpack_gptq
from kernels.formats.grouped import GroupedIntegers, Groups
from kernels.formats.words import WIDTHS, WORD_BITS

_PARTS = ("qweight", "qzeros", "scales", "g_idx")


def gptq_tensors(
    stored: Mapping[str, CheckpointTensor], config: Config, *, keeps: bool
) -> dict[str, CheckpointTensor]:
    """Raises DamagedCheckpoint."""
    bits = config.count("bits", max(WIDTHS))
    if bits not in WIDTHS:
        raise damaged("config.json", f"GPTQ has no {bits} bits")
    version = 2 if config.text("checkpoint_format", default="gptq") == "gptq_v2" else 1
    tensors: dict[str, CheckpointTensor] = {}
    for name, tensor in stored.items():
        prefix, _, part = name.rpartition(".")
        if f"{prefix}.qweight" not in stored:
            tensors[name] = tensor
        elif part == "qweight":
            tensors[f"{prefix}.weight"] = _layer(prefix, stored, bits, version, keeps)
        elif part not in _PARTS and not (part == "bias" and _is_zero(tensor)):
            tensors[name] = tensor
    return tensors


def _layer(
    prefix: str, stored: Mapping[str, CheckpointTensor], bits: int, version: int, keeps: bool
) -> GroupedTensor[GptqTensors]:
    weight, zeros, scales, order = (stored.get(f"{prefix}.{part}") for part in _PARTS)
    if weight is None or zeros is None or scales is None:
        raise damaged("The checkpoint", f"{prefix} lacks zero points or scales")
    return GroupedTensor(f"{prefix}.weight", _Layer(weight, zeros, scales, order, bits, version), keeps=keeps)


@dataclass(frozen=True)
class _Layer:
    weight: CheckpointTensor
    zeros: CheckpointTensor
    scales: CheckpointTensor
    order: CheckpointTensor | None
    bits: int
    version: int

    @property
    def shape(self) -> tuple[int, int]:
        words, rows = self.weight.shape
        return rows, words * WORD_BITS // self.bits

    @property
    def parts(self) -> list[CheckpointTensor]:
        return [each for each in (self.weight, self.zeros, self.scales, self.order) if each is not None]

    def groups(self) -> Groups:
        return gptq_groups(self._with(not_read(self.weight)), self.bits, self.version)

    def read(self) -> GptqTensors:
        return self._with(matrix(self.weight))

    def unpack(self, stored: GptqTensors, rows: slice) -> GroupedIntegers:
        return unpack_gptq(gptq_outputs(stored, rows, self.bits), self.bits, self.version)

    def _with(self, words: Numbers) -> GptqTensors:
        order = None if self.order is None else matrix(self.order).reshape(-1)
        return GptqTensors(words, matrix(self.zeros), scales_of(self.scales), order)


def _is_zero(tensor: CheckpointTensor) -> bool:
    """GPTQ's programs store a bias for every layer, also where the model has none."""
    return not matrix(tensor).any()
