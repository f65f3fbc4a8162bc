"""Granite 3: a Llama that scales embeddings, residuals, attention and logits by constants.

`GraniteConfig` of Transformers, which knows no length of heads but the even share.
"""

from __future__ import annotations

from app.convert.checkpoint.architectures.dimensions import read_dimensions
from app.convert.checkpoint.architectures.llama import plan_like_llama
from app.convert.checkpoint.config import Config
from app.convert.checkpoint.plan import MetadataValue, ModelPlan

_SCALES = {
    "attention.scale": "attention_multiplier",
    "embedding_scale": "embedding_multiplier",
    "residual_scale": "residual_multiplier",
    "logit_scale": "logits_scaling",
}


def plan_granite(config: Config) -> ModelPlan:
    """Raises DamagedCheckpoint and UnsupportedCheckpoint."""
    scales: dict[str, MetadataValue] = {
        key: config.number(name, default=1.0) for key, name in _SCALES.items()
    }
    return plan_like_llama(config, "granite", read_dimensions(config, told_head_length=False), more=scales)
