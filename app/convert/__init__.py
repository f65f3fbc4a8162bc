"""Making models: checkpoints to GGUF, and GGUF to smaller GGUF by llama.cpp's quantizer in a worker process.

May import `app.core`, `app.storage`, `app.gguf`, `app.runtime`. Main entries: `convert_checkpoint`,
`quantize`, and `make_from_checkpoint` for both in one.
"""

from app.convert.checkpoint import convert_checkpoint, is_checkpoint, make_from_checkpoint
from app.convert.quantizations import QUANTIZATIONS, Quantization, quantization_named
from app.convert.quantize import can_quantize, output_path, quantize

__all__ = [
    "QUANTIZATIONS",
    "Quantization",
    "can_quantize",
    "convert_checkpoint",
    "is_checkpoint",
    "make_from_checkpoint",
    "output_path",
    "quantization_named",
    "quantize",
]
