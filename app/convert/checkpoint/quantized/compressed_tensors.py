"""compressed-tensors: "pack-quantized", "int-quantized", "float-quantized". See `kernels.formats` of that name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.convert.checkpoint.config import Config, damaged
from app.convert.checkpoint.numbers import Numbers
from app.convert.checkpoint.quantized.fp8 import fp8_tensors
from app.convert.checkpoint.quantized.grouped import GroupedTensor, matrix, not_read, scales_of
from app.convert.checkpoint.tensors import CheckpointTensor
from app.core.errors import UnsupportedCheckpoint
from app.gguf.cursor import shorten
from kernels.formats.compressed_tensors import (
    PackedTensors,
    packed_groups,
    packed_outputs,
    plain_groups,
    plain_outputs,
    unpack_packed,
    unpack_plain,
)
from kernels.formats.grouped import GroupedIntegers, Groups

_PARTS = ("weight_packed", "weight_scale", "weight_zero_point", "weight_g_idx", "weight_shape")
_FORMATS = ("pack-quantized", "int-quantized", "float-quantized", "naive-quantized")


def compressed_tensors(
    stored: Mapping[str, CheckpointTensor], config: Config, *, keeps: bool
) -> dict[str, CheckpointTensor]:
    """Raises DamagedCheckpoint, and UnsupportedCheckpoint for a format that is not read."""
    form = config.text("format", default="pack-quantized")
    if form not in _FORMATS:
        raise UnsupportedCheckpoint(
            f"These weights are compressed as {shorten(form)}, which Nibble does not read.",
            "Choose the original checkpoint, or download a GGUF file of this model.",
        )
    if any(tensor.dtype.startswith("F8_") for tensor in stored.values()):
        return fp8_tensors(stored, config, keeps=keeps)
    bits = _bits(config)
    tensors: dict[str, CheckpointTensor] = {}
    for name, tensor in stored.items():
        prefix, _, part = name.rpartition(".")
        if part == "weight_packed" or (part == "weight" and tensor.dtype == "I8"):
            tensors[f"{prefix}.weight"] = _layer(prefix, tensor, stored, bits, keeps)
        elif part not in _PARTS and part not in ("input_scale", "input_zero_point"):
            tensors[name] = tensor
    return tensors


def _bits(config: Config) -> int:
    """Of the weights, which all groups have in common in what is published."""
    found = {
        config.table("config_groups").table(name).table("weights").count("num_bits", 8, default=4)
        for name in config.table("config_groups").names()
    }
    if len(found) > 1:
        raise UnsupportedCheckpoint(
            "Some layers of this checkpoint have more bits than others, which Nibble does not read.",
            "Choose the original checkpoint, or download a GGUF file of this model.",
        )
    return next(iter(found), 4)


def _layer(
    prefix: str, weight: CheckpointTensor, stored: Mapping[str, CheckpointTensor], bits: int, keeps: bool
) -> GroupedTensor[PackedTensors]:
    scale, zeros, order, shape = (stored.get(f"{prefix}.{part}") for part in _PARTS[1:])
    if scale is None or (weight.dtype != "I8" and shape is None):
        raise damaged("The checkpoint", f"{prefix} lacks its scales or its shape")
    if shape is None or weight.dtype == "I8":
        return GroupedTensor(f"{prefix}.weight", _Plain(weight, scale, zeros, order), keeps=keeps)
    lengths = [int(length) for length in matrix(shape).reshape(-1)]
    if len(lengths) != 2 or min(lengths) <= 0:
        raise damaged("The checkpoint", f"{prefix} has no shape of two dimensions")
    packed = _Packed(weight, scale, zeros, order, bits, (lengths[0], lengths[1]))
    return GroupedTensor(f"{prefix}.weight", packed, keeps=keeps)


@dataclass(frozen=True)
class _Layer:
    weight: CheckpointTensor
    scale: CheckpointTensor
    zeros: CheckpointTensor | None
    order: CheckpointTensor | None

    @property
    def parts(self) -> list[CheckpointTensor]:
        return [each for each in (self.weight, self.scale, self.zeros, self.order) if each is not None]

    def read(self) -> PackedTensors:
        return self._with(matrix(self.weight))

    def _with(self, words: Numbers) -> PackedTensors:
        return PackedTensors(
            words,
            scales_of(self.scale),
            None if self.zeros is None else matrix(self.zeros),
            None if self.order is None else matrix(self.order).reshape(-1),
        )


@dataclass(frozen=True)
class _Plain(_Layer):
    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.weight.shape
        return rows, columns

    def groups(self) -> Groups:
        return plain_groups(self._with(not_read(self.weight)))

    def unpack(self, stored: PackedTensors, rows: slice) -> GroupedIntegers:
        return unpack_plain(plain_outputs(stored, rows))


@dataclass(frozen=True)
class _Packed(_Layer):
    bits: int
    shape: tuple[int, int]

    def groups(self) -> Groups:
        return packed_groups(self._with(not_read(self.weight)), self.bits, self.shape)

    def unpack(self, stored: PackedTensors, rows: slice) -> GroupedIntegers:
        some = packed_outputs(stored, rows, self.bits)
        return unpack_packed(some, self.bits, (rows.stop - rows.start, self.shape[1]))
