"""compressed-tensors: "pack-quantized", "int-quantized", "float-quantized". See `kernels.formats` of that name."""

from __future__ import annotations

from collections.abc import Mapping

from app.convert.checkpoint.config import Config, damaged
from app.convert.checkpoint.quantized.fp8 import fp8_tensors
from app.convert.checkpoint.quantized.grouped import GroupedTensor, matrix, scales_of
from app.convert.checkpoint.tensors import CheckpointTensor
from app.core.errors import UnsupportedCheckpoint
from app.gguf.cursor import shorten
from kernels.formats.compressed_tensors import PackedTensors, unpack_packed, unpack_plain
from kernels.formats.grouped import GroupedIntegers

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
) -> GroupedTensor:
    scale, zeros, order, shape = (stored.get(f"{prefix}.{part}") for part in _PARTS[1:])
    if scale is None or (weight.dtype != "I8" and shape is None):
        raise damaged("The checkpoint", f"{prefix} lacks its scales or its shape")

    def unpack() -> GroupedIntegers:
        read = PackedTensors(
            matrix(weight),
            scales_of(scale),
            None if zeros is None else matrix(zeros),
            None if order is None else matrix(order).reshape(-1),
        )
        if weight.dtype == "I8":
            return unpack_plain(read)
        assert shape is not None
        rows, columns = (int(length) for length in matrix(shape).reshape(-1))
        return unpack_packed(read, bits, (rows, columns))

    parts = [each for each in (weight, scale, zeros, order) if each is not None]
    return GroupedTensor(f"{prefix}.weight", parts, unpack, keeps=keeps)
