"""MXFP4 as gpt-oss has it: a tensor of pairs of numbers, `…_blocks`, and one of their scales, `…_scales`."""

from __future__ import annotations

from collections.abc import Mapping

from app.convert.checkpoint.config import Config, damaged
from app.convert.checkpoint.numbers import Numbers
from app.convert.checkpoint.tensors import CheckpointTensor
from app.gguf.cursor import shorten
from kernels.formats.mxfp4 import BLOCK, HALF, to_ggml

_PAIRS, _SCALES = "_blocks", "_scales"


def mxfp4_tensors(
    stored: Mapping[str, CheckpointTensor], config: Config, *, keeps: bool
) -> dict[str, CheckpointTensor]:
    """Raises DamagedCheckpoint where the two do not belong together. They are kept whatever `keeps` says: of this
    format nobody has anything better."""
    tensors: dict[str, CheckpointTensor] = {}
    for name, tensor in stored.items():
        if name.endswith(_PAIRS):
            whole = name.removesuffix(_PAIRS)
            tensors[whole] = _Mxfp4Tensor(whole, tensor, stored.get(whole + _SCALES))
        elif not (name.endswith(_SCALES) and name.removesuffix(_SCALES) + _PAIRS in stored):
            tensors[name] = tensor
    return tensors


class _Mxfp4Tensor:
    """(…, rows, columns) weights; rows are given as a GGUF's blocks."""

    dtype = "MXFP4"

    def __init__(self, name: str, pairs: CheckpointTensor, scales: CheckpointTensor | None) -> None:
        if scales is None or pairs.shape != (*scales.shape, HALF) or {pairs.dtype, scales.dtype} != {"U8"}:
            raise damaged(
                "The checkpoint", f"{shorten(name)} has blocks and scales that do not fit each other"
            )
        self.name = name
        self.shape = (*scales.shape[:-1], scales.shape[-1] * BLOCK)
        self.size_bytes = pairs.size_bytes + scales.size_bytes
        self._pairs = pairs
        self._scales = scales

    def rows(self, start: int, count: int) -> Numbers:
        blocks = self.shape[-1] // BLOCK
        pairs = self._pairs.rows(start * blocks, count * blocks).reshape(count, blocks, HALF)
        return to_ggml(pairs, self._scales.rows(start, count))
