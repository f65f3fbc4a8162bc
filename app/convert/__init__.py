"""Making models: so far GGUF to GGUF, through llama.cpp's quantizer in a worker process.

May import `app.core`, `app.storage`, `app.gguf`, `app.runtime`. Main entry: `quantize`.
"""

from app.convert.quantizations import QUANTIZATIONS, Quantization, quantization_named
from app.convert.quantize import can_quantize, output_path, quantize

__all__ = ["QUANTIZATIONS", "Quantization", "can_quantize", "output_path", "quantization_named", "quantize"]
