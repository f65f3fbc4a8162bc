"""Which quantizations of checkpoints are read; without NumPy, for what only asks."""

from __future__ import annotations

import re

from app.convert.checkpoint.config import Config

METHODS = ("awq", "bitsandbytes", "compressed-tensors", "fp8", "gptq", "mxfp4", "torchao")
"""As `quant_method` names them."""


def quantization_method(config: Config) -> str | None:
    """None for a checkpoint in full precision. Raises DamagedCheckpoint."""
    if not config.has("quantization_config"):
        return None
    return config.table("quantization_config").text("quant_method", default="unknown").lower()


def torchao_bits(told: Config) -> int:
    """Of the weights, in `quantization_config` of torchao: those of an integer type that it names, else the 8 of the
    bytes in which they are stored, which hold fewer bits as well. Raises DamagedCheckpoint."""
    default = told.table("quant_type").table("default")
    kind = default.table("_data").table("weight_dtype").text("_data", default="int8")
    match = re.fullmatch(r"int([2-8])", kind)
    return int(match[1]) if match else 8
