"""Checkpoints that are quantized already: what several stored tensors mean together, as one tensor.

One module per method of `quantization_method.METHODS`, over the pages of `kernels.formats`.
"""

from __future__ import annotations

from app.convert.checkpoint.config import Config
from app.convert.checkpoint.quantization_method import quantization_method
from app.convert.checkpoint.quantized.mxfp4 import mxfp4_tensors
from app.convert.checkpoint.tensors import CheckpointTensor, PlainTensor
from app.convert.checkpoint.weights import Weights

_READERS = {"mxfp4": mxfp4_tensors}


def readable_tensors(weights: Weights, config: Config) -> dict[str, CheckpointTensor]:
    """All tensors by the name under which an architecture asks for them. Raises DamagedCheckpoint."""
    tensors: dict[str, CheckpointTensor] = {
        name: PlainTensor(stored, weights) for name, stored in weights.tensors.items()
    }
    method = quantization_method(config)
    return tensors if method is None else _READERS[method](tensors)
