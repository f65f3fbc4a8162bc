"""Checkpoints that are quantized already: what several stored tensors mean together, as one tensor.

One module per method of `quantization_method.METHODS`, over the pages of `kernels.formats`.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.convert.checkpoint.config import Config
from app.convert.checkpoint.quantization_method import quantization_method
from app.convert.checkpoint.quantized.awq import awq_tensors
from app.convert.checkpoint.quantized.bitsandbytes import bitsandbytes_tensors
from app.convert.checkpoint.quantized.compressed_tensors import compressed_tensors
from app.convert.checkpoint.quantized.fp8 import fp8_tensors
from app.convert.checkpoint.quantized.gptq import gptq_tensors
from app.convert.checkpoint.quantized.grouped import GroupedTensor
from app.convert.checkpoint.quantized.mxfp4 import mxfp4_tensors
from app.convert.checkpoint.quantized.torchao import torchao_tensors
from app.convert.checkpoint.tensors import CheckpointTensor, PlainTensor
from app.convert.checkpoint.weights import Weights

_READERS = {
    "awq": awq_tensors,
    "bitsandbytes": bitsandbytes_tensors,
    "compressed-tensors": compressed_tensors,
    "fp8": fp8_tensors,
    "gptq": gptq_tensors,
    "mxfp4": mxfp4_tensors,
    "torchao": torchao_tensors,
}


def readable_tensors(weights: Weights, config: Config, *, keeps: bool = False) -> dict[str, CheckpointTensor]:
    """All tensors by the name under which an architecture asks for them.

    `keeps`: integers that a block of a GGUF holds as they are stay so. Raises DamagedCheckpoint and
    UnsupportedCheckpoint.
    """
    tensors: dict[str, CheckpointTensor] = {
        name: PlainTensor(stored, weights) for name, stored in weights.tensors.items()
    }
    method = quantization_method(config)
    if method is None:
        return tensors
    return _READERS[method](tensors, config.table("quantization_config"), keeps=keeps)


def kept_type(tensors: Mapping[str, CheckpointTensor]) -> str | None:
    """The type of block that holds all quantized layers without a second rounding; None where none does."""
    grouped = [tensor for tensor in tensors.values() if isinstance(tensor, GroupedTensor)]
    kinds = {tensor.exact for tensor in grouped}
    return kinds.pop() if len(kinds) == 1 else None
