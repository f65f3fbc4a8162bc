"""AWQ: `…qweight`, `…qzeros` and `…scales` are `…weight` together. See `kernels.formats.awq`."""

from __future__ import annotations

from collections.abc import Mapping

from app.convert.checkpoint.config import Config, damaged
from app.convert.checkpoint.quantized.grouped import GroupedTensor, matrix, scales_of
from app.convert.checkpoint.tensors import CheckpointTensor
from app.core.errors import UnsupportedCheckpoint
from app.gguf.cursor import shorten
from kernels.formats.awq import BITS, AwqTensors, unpack_gemm, unpack_gemv
from kernels.formats.grouped import GroupedIntegers

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
) -> GroupedTensor:
    weight, zeros, scales = (stored.get(f"{prefix}.{part}") for part in _PARTS)
    if weight is None or zeros is None or scales is None:
        raise damaged("The checkpoint", f"{prefix} lacks zero points or scales")

    def unpack() -> GroupedIntegers:
        read = AwqTensors(matrix(weight), matrix(zeros), scales_of(scales))
        return unpack_gemm(read) if layout == "gemm" else unpack_gemv(read, group)

    return GroupedTensor(f"{prefix}.weight", [weight, zeros, scales], unpack, keeps=keeps)
