"""Which quantizations of checkpoints are read; without NumPy, for what only asks."""

from __future__ import annotations

from app.convert.checkpoint.config import Config

METHODS = ("awq", "bitsandbytes", "compressed-tensors", "fp8", "gptq", "mxfp4")
"""As `quant_method` names them."""


def quantization_method(config: Config) -> str | None:
    """None for a checkpoint in full precision. Raises DamagedCheckpoint."""
    if not config.has("quantization_config"):
        return None
    return config.table("quantization_config").text("quant_method", default="unknown").lower()
