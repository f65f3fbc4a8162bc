"""FP8: `…weight` in 8-bit floating point, with `…weight_scale` or `…weight_scale_inv`. See `kernels.formats.fp8`."""

from __future__ import annotations

from collections.abc import Mapping

from app.convert.checkpoint.config import Config, damaged
from app.convert.checkpoint.numbers import Numbers
from app.convert.checkpoint.quantized.grouped import scales_of
from app.convert.checkpoint.tensors import CheckpointTensor
from app.gguf.cursor import shorten
from kernels.formats.fp8 import BLOCK, unpack_fp8
from kernels.formats.small_floats import E4M3, E5M2

_KINDS = {"F8_E4M3": E4M3, "F8_E5M2": E5M2}
_SCALES = ("weight_scale_inv", "weight_scale")
_OF_INPUTS = ("input_scale", "activation_scale", "k_scale", "v_scale")
"""For kernels that also round what comes in; weights do not need them."""


def fp8_tensors(
    stored: Mapping[str, CheckpointTensor], config: Config, *, keeps: bool
) -> dict[str, CheckpointTensor]:
    """Raises DamagedCheckpoint. `keeps` changes nothing: no block of a GGUF holds these numbers as they are."""
    sizes = config.counts("weight_block_size") or (BLOCK, BLOCK)
    if len(sizes) != 2:
        raise damaged("config.json", "weight_block_size is not a height and a width")
    tensors: dict[str, CheckpointTensor] = {}
    for name, tensor in stored.items():
        prefix, _, part = name.rpartition(".")
        if part in _OF_INPUTS or (part in _SCALES and f"{prefix}.weight" in stored):
            continue
        if tensor.dtype not in _KINDS:
            tensors[name] = tensor
            continue
        scale = next((stored[f"{prefix}.{each}"] for each in _SCALES if f"{prefix}.{each}" in stored), None)
        if scale is None or len(tensor.shape) != 2:
            raise damaged("The checkpoint", f"{shorten(name)} is FP8 and has no scale")
        tensors[name] = _Fp8Tensor(tensor, scale, (sizes[0], sizes[1]))
    return tensors


class _Fp8Tensor:
    dtype = "F32"

    def __init__(self, codes: CheckpointTensor, scale: CheckpointTensor, block: tuple[int, int]) -> None:
        self.name, self.shape = codes.name, codes.shape
        self.size_bytes = codes.size_bytes + scale.size_bytes
        self._codes = codes
        self._kind = _KINDS[codes.dtype]
        self._scale = scales_of(scale)
        rows, columns = codes.shape
        per_output = self._scale.shape in ((rows,), (rows, 1)) or self._scale.size == 1
        self._block = None if per_output else block
        blocks = (-(-rows // block[0]), -(-columns // block[1]))
        if not per_output and self._scale.shape != blocks:
            raise damaged("The checkpoint", f"the scales of {shorten(codes.name)} do not fit it")

    def rows(self, start: int, count: int) -> Numbers:
        codes = self._codes.rows(start, count)
        if self._scale.size == 1:
            return unpack_fp8(codes, self._scale, self._kind)
        if self._block is None:
            return unpack_fp8(codes, self._scale[start : start + count], self._kind)
        height, width = self._block
        # Rows begin anywhere in a block: whole blocks are spread, and the rows before cut off.
        first = start // height
        lead = start - first * height
        scale = self._scale[first : -(-(start + count) // height)].astype("f4")
        spread = scale.repeat(height, axis=0)[lead : lead + count].repeat(width, axis=1)[:, : self.shape[1]]
        weights: Numbers = self._kind.decode(codes) * spread
        return weights
