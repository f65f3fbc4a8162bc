"""Making models: checkpoints to GGUF, and GGUF to smaller GGUF by llama.cpp's quantizer in a worker process.

May import `app.core`, `app.storage`, `app.gguf`, `app.runtime`, `app.memory`, `app.hub`. Main entries:
`convert_checkpoint`, `convert_adapter`, `quantize`, `quantize_several`, and `make_from_checkpoint` for any of them in
one.
"""

from app.convert.adapter import convert_adapter, is_adapter
from app.convert.calibrate import (
    Calibration,
    calibrate,
    importance_path,
    importance_taken,
    read_calibration_text,
)
from app.convert.checkpoint import OtherConverter, convert_checkpoint, is_checkpoint, make_from_checkpoint
from app.convert.checkpoint.qat import trained_for
from app.convert.choices import NO_CHOICES, Choices
from app.convert.foretelling import Foretold, foretell
from app.convert.quantizations import QUANTIZATIONS, Quantization, quantization_named
from app.convert.quantize import (
    SOURCE_TYPES,
    can_quantize,
    expected_bytes,
    output_path,
    quantize,
    require_importance,
)
from app.convert.several import quantize_several
from app.convert.splitting import WHOLE, Splitting
from app.convert.tensor_choices import read_tensor_types
from app.memory.mixture import NONE_CHOSEN, TensorTypes

__all__ = [
    "NONE_CHOSEN",
    "NO_CHOICES",
    "QUANTIZATIONS",
    "SOURCE_TYPES",
    "WHOLE",
    "Calibration",
    "Choices",
    "Foretold",
    "OtherConverter",
    "Quantization",
    "Splitting",
    "TensorTypes",
    "calibrate",
    "can_quantize",
    "convert_adapter",
    "convert_checkpoint",
    "expected_bytes",
    "foretell",
    "importance_path",
    "importance_taken",
    "is_adapter",
    "is_checkpoint",
    "make_from_checkpoint",
    "output_path",
    "quantization_named",
    "quantize",
    "quantize_several",
    "read_calibration_text",
    "read_tensor_types",
    "require_importance",
    "trained_for",
]
