"""Llama 1 to 3 and what was built like them: grouped-query attention, RoPE, RMS norm, SwiGLU.

Mistral, TinyLlama, SmolLM 2, Yi and many more are this architecture; Mistral's window, which only its first version
had, llama.cpp does not compute. Keys and defaults of config.json: `LlamaConfig` of Transformers.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.convert.checkpoint.architectures.dimensions import (
    Dimensions,
    dimension_keys,
    expect_activation,
    read_dimensions,
    rms_norm_keys,
)
from app.convert.checkpoint.architectures.layers import (
    attention,
    feed_forward,
    is_tied,
    norm,
    unused,
    vocabulary,
)
from app.convert.checkpoint.architectures.rope import read_rope
from app.convert.checkpoint.config import Config
from app.convert.checkpoint.plan import MetadataValue, ModelPlan, PlannedTensor


def plan_llama(config: Config) -> ModelPlan:
    """Raises DamagedCheckpoint, and UnsupportedCheckpoint for a variant llama.cpp's "llama" does not compute."""
    return plan_like_llama(config, "llama", read_dimensions(config))


def plan_smollm3(config: Config) -> ModelPlan:
    """Every fourth layer tells no positions, which llama.cpp knows by itself. `SmolLM3Config` of Transformers."""
    return plan_like_llama(config, "smollm3", read_dimensions(config), base=2_000_000.0)


def plan_like_llama(
    config: Config,
    architecture: str,
    dimensions: Dimensions,
    *,
    base: float = 10_000.0,
    more: dict[str, MetadataValue] | None = None,
) -> ModelPlan:
    """`base`: the class's own, where config.json does not tell it. `more`: keys beside Llama's."""
    expect_activation(config, "hidden_act", "silu")
    rope = read_rope(config, dimensions.head_length, base)
    tied = is_tied(config, default=False)
    return ModelPlan(
        architecture=architecture,
        layers=dimensions.layers,
        vocabulary_size=dimensions.vocabulary,
        metadata=dimension_keys(config, dimensions) | rms_norm_keys(config) | rope.metadata | (more or {}),
        tensors=(
            *vocabulary(dimensions, tied=tied),
            *(each for layer in range(dimensions.layers) for each in _layer(layer, config, dimensions)),
            *norm("model.norm", dimensions.hidden),
        ),
        unused=unused(tied=tied),
        computed=rope.computed,
    )


def _layer(layer: int, config: Config, dimensions: Dimensions) -> Iterator[PlannedTensor]:
    prefix = f"model.layers.{layer}"
    biases = "qkvo" if config.flag("attention_bias", default=False) else ""
    yield from norm(f"{prefix}.input_layernorm", dimensions.hidden)
    yield from attention(prefix, dimensions, biases=biases, turned=True)
    yield from norm(f"{prefix}.post_attention_layernorm", dimensions.hidden)
    bias = config.flag("mlp_bias", default=False)
    yield from feed_forward(prefix, dimensions.hidden, dimensions.feed_forward, bias=bias)
