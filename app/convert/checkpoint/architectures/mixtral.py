"""Mixtral: a Llama whose feed-forward networks are experts, of which a router chooses some for each token.

A. Q. Jiang et al., "Mixtral of Experts", 2024; `MixtralConfig` of Transformers. In a GGUF it is a "llama" with experts.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.convert.checkpoint.architectures.dimensions import (
    MOST_EXPERTS,
    Dimensions,
    dimension_keys,
    expect_activation,
    read_dimensions,
    rms_norm_keys,
)
from app.convert.checkpoint.architectures.layers import attention, experts, is_tied, norm, unused, vocabulary
from app.convert.checkpoint.architectures.rope import read_rope
from app.convert.checkpoint.config import Config
from app.convert.checkpoint.plan import ModelPlan, PlannedTensor


def plan_mixtral(config: Config) -> ModelPlan:
    """Raises DamagedCheckpoint and UnsupportedCheckpoint."""
    expect_activation(config, "hidden_act", "silu")
    dimensions = read_dimensions(config)
    count = config.count("num_local_experts", MOST_EXPERTS, default=8)
    rope = read_rope(config, dimensions.head_length, 1_000_000.0)
    tied = is_tied(config, default=False)
    return ModelPlan(
        architecture="llama",
        layers=dimensions.layers,
        vocabulary_size=dimensions.vocabulary,
        metadata={
            **dimension_keys(config, dimensions, default_context=131_072),
            **rms_norm_keys(config, default=1e-5),
            **rope.metadata,
            "expert_count": count,
            "expert_used_count": config.count("num_experts_per_tok", count, default=2),
        },
        tensors=(
            *vocabulary(dimensions, tied=tied),
            *(each for layer in range(dimensions.layers) for each in _layer(layer, dimensions, count)),
            *norm("model.norm", dimensions.hidden),
        ),
        unused=unused(tied=tied),
        computed=rope.computed,
    )


def _layer(layer: int, dimensions: Dimensions, count: int) -> Iterator[PlannedTensor]:
    prefix = f"model.layers.{layer}"
    yield from norm(f"{prefix}.input_layernorm", dimensions.hidden)
    yield from attention(prefix, dimensions, turned=True)
    yield from norm(f"{prefix}.post_attention_layernorm", dimensions.hidden)
    yield PlannedTensor(f"{prefix}.block_sparse_moe.gate.weight", (count, dimensions.hidden))
    yield from experts(
        f"layers.{layer}.feed_forward.experts.{{matrix}}.weight",
        f"{prefix}.block_sparse_moe.experts.{{expert}}.{{matrix}}.weight",
        count,
        dimensions.hidden,
        dimensions.feed_forward,
        gate="w1",
        up="w3",
        down="w2",
    )
