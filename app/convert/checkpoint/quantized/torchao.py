"""torchao: integers of int8 or fewer bits, one in a byte. See `kernels.formats.torchao`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.convert.checkpoint.config import Config, damaged
from app.convert.checkpoint.quantization_method import torchao_bits
from app.convert.checkpoint.quantized.grouped import GroupedTensor, matrix, not_read, scales_of
from app.convert.checkpoint.tensors import CheckpointTensor
from app.core.errors import UnsupportedCheckpoint
from app.gguf.cursor import shorten
from kernels.formats.grouped import GroupedIntegers, Groups
from kernels.formats.torchao import TorchaoTensors, torchao_groups, torchao_outputs, unpack_torchao

_CODES = "_weight_qdata"
_PARTS = ("_weight_scale", "_weight_zero_point")


def torchao_tensors(
    stored: Mapping[str, CheckpointTensor], config: Config, *, keeps: bool
) -> dict[str, CheckpointTensor]:
    """Raises DamagedCheckpoint, and UnsupportedCheckpoint for what is packed for a kernel."""
    bits = torchao_bits(config)
    tensors: dict[str, CheckpointTensor] = {}
    for name, tensor in stored.items():
        prefix, _, part = name.rpartition(".")
        if part == _CODES:
            tensors[f"{prefix}.weight"] = _layer(prefix, tensor, stored, bits, keeps)
        elif part.startswith("_weight_") and part not in _PARTS:
            raise _packed(name)
        elif part not in _PARTS:
            tensors[name] = tensor
    return tensors


def _layer(
    prefix: str, codes: CheckpointTensor, stored: Mapping[str, CheckpointTensor], bits: int, keeps: bool
) -> GroupedTensor[TorchaoTensors]:
    scale, zeros = (stored.get(f"{prefix}.{part}") for part in _PARTS)
    if codes.dtype != "I8" or len(codes.shape) != 2:
        raise _packed(codes.name)
    if scale is None or zeros is None:
        raise damaged("The checkpoint", f"{shorten(prefix)} lacks its scales or its zero points")
    return GroupedTensor(f"{prefix}.weight", _Layer(codes, scale, zeros, bits), keeps=keeps)


def _packed(name: str) -> UnsupportedCheckpoint:
    return UnsupportedCheckpoint(
        f"{shorten(name)} is packed by torchao for one kind of graphics card, which Nibble does not read.",
        "Choose the original checkpoint, or download a GGUF file of this model.",
    )


@dataclass(frozen=True)
class _Layer:
    codes: CheckpointTensor
    scale: CheckpointTensor
    zeros: CheckpointTensor
    bits: int

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.codes.shape
        return rows, columns

    @property
    def parts(self) -> list[CheckpointTensor]:
        return [self.codes, self.scale, self.zeros]

    def groups(self) -> Groups:
        stored = TorchaoTensors(not_read(self.codes), scales_of(self.scale), matrix(self.zeros))
        return torchao_groups(stored, self.bits)

    def read(self) -> TorchaoTensors:
        return TorchaoTensors(matrix(self.codes), scales_of(self.scale), matrix(self.zeros))

    def unpack(self, stored: TorchaoTensors, rows: slice) -> GroupedIntegers:
        return unpack_torchao(torchao_outputs(stored, rows), self.bits)
