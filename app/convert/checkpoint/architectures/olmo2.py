"""OLMo 2 and 3: norms after attention and feed-forward instead of before them, and over all of query and key.

Team OLMo, "2 OLMo 2 Furious", 2024; `Olmo2Config` and `Olmo3Config` of Transformers.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.convert.checkpoint.architectures.dimensions import (
    MOST_CONTEXT,
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


def plan_olmo2(config: Config) -> ModelPlan:
    """Raises DamagedCheckpoint and UnsupportedCheckpoint."""
    expect_activation(config, "hidden_act", "silu")
    dimensions = read_dimensions(config)
    rope = read_rope(config, dimensions.head_length)
    tied = is_tied(config, default=False)
    return ModelPlan(
        architecture="olmo2",
        layers=dimensions.layers,
        vocabulary_size=dimensions.vocabulary,
        metadata={
            **dimension_keys(config, dimensions),
            **rms_norm_keys(config, default=1e-5),
            **rope.metadata,
            **_window(config, dimensions.layers),
        },
        tensors=(
            *vocabulary(dimensions, tied=tied),
            *(
                each
                for layer in range(dimensions.layers)
                for each in _layer(f"model.layers.{layer}", config, dimensions)
            ),
            *norm("model.norm", dimensions.hidden),
        ),
        unused=unused(tied=tied),
        computed=rope.computed,
    )


def _layer(prefix: str, config: Config, dimensions: Dimensions) -> Iterator[PlannedTensor]:
    biases = "qkvo" if config.flag("attention_bias", default=False) else ""
    yield from attention(prefix, dimensions, biases=biases)
    yield from norm(f"{prefix}.self_attn.q_norm", dimensions.query)
    yield from norm(f"{prefix}.self_attn.k_norm", dimensions.key)
    yield from norm(f"{prefix}.post_attention_layernorm", dimensions.hidden)
    yield from feed_forward(prefix, dimensions.hidden, dimensions.feed_forward)
    yield from norm(f"{prefix}.post_feedforward_layernorm", dimensions.hidden)


def _window(config: Config, layers: int) -> dict[str, MetadataValue]:
    """OLMo 3 alone has one, in three of four layers where it does not tell in which."""
    if not config.has("sliding_window"):
        return {}
    kinds = config.texts("layer_types")
    slides = [kind == "sliding_attention" for kind in kinds] or [
        (layer + 1) % 4 != 0 for layer in range(layers)
    ]
    return {
        "attention.sliding_window": config.count("sliding_window", MOST_CONTEXT),
        "attention.sliding_window_pattern": slides,
    }
