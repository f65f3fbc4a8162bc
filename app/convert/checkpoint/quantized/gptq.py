"""GPTQ: `…qweight`, `…qzeros`, `…scales` and mostly `…g_idx` are `…weight` together. See `kernels.formats.gptq`."""

from __future__ import annotations

from collections.abc import Mapping

from app.convert.checkpoint.config import Config, damaged
from app.convert.checkpoint.quantized.grouped import GroupedTensor, matrix, scales_of
from app.convert.checkpoint.tensors import CheckpointTensor
from kernels.formats.gptq import GptqTensors, unpack_gptq
from kernels.formats.grouped import GroupedIntegers
from kernels.formats.words import WIDTHS

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
) -> GroupedTensor:
    weight, zeros, scales, order = (stored.get(f"{prefix}.{part}") for part in _PARTS)
    if weight is None or zeros is None or scales is None:
        raise damaged("The checkpoint", f"{prefix} lacks zero points or scales")

    def unpack() -> GroupedIntegers:
        groups = None if order is None else matrix(order).reshape(-1)
        read = GptqTensors(matrix(weight), matrix(zeros), scales_of(scales), groups)
        return unpack_gptq(read, bits, version)

    parts = [each for each in (weight, zeros, scales, order) if each is not None]
    return GroupedTensor(f"{prefix}.weight", parts, unpack, keeps=keeps)


def _is_zero(tensor: CheckpointTensor) -> bool:
    """GPTQ's programs store a bias for every layer, also where the model has none."""
    return not matrix(tensor).any()
