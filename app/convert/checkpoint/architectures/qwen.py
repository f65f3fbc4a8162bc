"""Qwen 2 and 2.5 (biases on query, key and value), Qwen 3 (norms of query and key instead) and its mixture of experts.

`Qwen2Config`, `Qwen3Config` and `Qwen3MoeConfig` of Transformers. Their sliding window, off in all that were published,
llama.cpp does not compute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.convert.checkpoint.architectures.dimensions import (
    MOST_DIMENSIONS,
    MOST_EXPERTS,
    Dimensions,
    dimension_keys,
    expect_activation,
    read_dimensions,
    rms_norm_keys,
)
from app.convert.checkpoint.architectures.layers import (
    attention,
    experts,
    feed_forward,
    is_tied,
    norm,
    unused,
    vocabulary,
)
from app.convert.checkpoint.architectures.rope import read_rope
from app.convert.checkpoint.config import Config
from app.convert.checkpoint.plan import MetadataValue, ModelPlan, PlannedTensor
from app.core.errors import UnsupportedCheckpoint

Layer = Iterator[PlannedTensor]


def plan_qwen2(config: Config) -> ModelPlan:
    """Raises DamagedCheckpoint and UnsupportedCheckpoint."""
    dimensions = read_dimensions(config)

    def layer(prefix: str) -> Layer:
        yield from norm(f"{prefix}.input_layernorm", dimensions.hidden)
        yield from attention(prefix, dimensions, biases="qkv")
        yield from norm(f"{prefix}.post_attention_layernorm", dimensions.hidden)
        yield from feed_forward(prefix, dimensions.hidden, dimensions.feed_forward)

    return _plan(config, "qwen2", dimensions, layer)


def plan_qwen3(config: Config) -> ModelPlan:
    """Raises DamagedCheckpoint and UnsupportedCheckpoint."""
    dimensions = _dimensions_of_qwen3(config)

    def layer(prefix: str) -> Layer:
        yield from _attention_of_qwen3(prefix, config, dimensions)
        yield from feed_forward(prefix, dimensions.hidden, dimensions.feed_forward)

    return _plan(config, "qwen3", dimensions, layer)


def plan_qwen3_moe(config: Config) -> ModelPlan:
    """Raises DamagedCheckpoint, and UnsupportedCheckpoint where some layers have no experts."""
    if config.has_entries("mlp_only_layers") or config.count("decoder_sparse_step", 1 << 20, default=1) != 1:
        raise UnsupportedCheckpoint(
            "Some layers of this model have no experts; llama.cpp computes only models where all have.",
            "Choose another model.",
        )
    dimensions = _dimensions_of_qwen3(config)
    count = config.count("num_experts", MOST_EXPERTS, default=128)
    length = config.count("moe_intermediate_size", MOST_DIMENSIONS, default=768)

    def layer(prefix: str) -> Layer:
        yield from _attention_of_qwen3(prefix, config, dimensions)
        yield PlannedTensor(f"{prefix}.mlp.gate.weight", (count, dimensions.hidden))
        yield from experts(
            f"{prefix}.mlp.experts.{{matrix}}.weight",
            f"{prefix}.mlp.experts.{{expert}}.{{matrix}}.weight",
            count,
            dimensions.hidden,
            length,
            gate="gate_proj",
            up="up_proj",
            down="down_proj",
        )

    keys: dict[str, MetadataValue] = {
        "expert_count": count,
        "expert_used_count": config.count("num_experts_per_tok", count, default=8),
        "expert_feed_forward_length": length,
    }
    return _plan(config, "qwen3moe", dimensions, layer, keys)


def _dimensions_of_qwen3(config: Config) -> Dimensions:
    # Unlike others, its class has a length of heads of its own where config.json tells none.
    return read_dimensions(config if config.has("head_dim") else config.with_value("head_dim", 128))


def _attention_of_qwen3(prefix: str, config: Config, dimensions: Dimensions) -> Layer:
    biases = "qkvo" if config.flag("attention_bias", default=False) else ""
    yield from norm(f"{prefix}.input_layernorm", dimensions.hidden)
    yield from attention(prefix, dimensions, biases=biases)
    yield from norm(f"{prefix}.self_attn.q_norm", dimensions.head_length)
    yield from norm(f"{prefix}.self_attn.k_norm", dimensions.head_length)
    yield from norm(f"{prefix}.post_attention_layernorm", dimensions.hidden)


def _plan(
    config: Config,
    architecture: str,
    dimensions: Dimensions,
    layer: Callable[[str], Layer],
    more: dict[str, MetadataValue] | None = None,
) -> ModelPlan:
    expect_activation(config, "hidden_act", "silu")
    if config.flag("use_sliding_window", default=False):
        raise UnsupportedCheckpoint(
            "This model was made with a sliding window, which llama.cpp does not compute for it.",
            "Choose another model.",
        )
    rope = read_rope(config, dimensions.head_length)
    tied = is_tied(config, default=False)
    return ModelPlan(
        architecture=architecture,
        layers=dimensions.layers,
        vocabulary_size=dimensions.vocabulary,
        metadata={
            **dimension_keys(config, dimensions, default_context=32_768),
            **rms_norm_keys(config),
            **rope.metadata,
            **(more or {}),
        },
        tensors=(
            *vocabulary(dimensions, tied=tied),
            *(each for number in range(dimensions.layers) for each in layer(f"model.layers.{number}")),
            *norm("model.norm", dimensions.hidden),
        ),
        unused=unused(tied=tied),
        computed=rope.computed,
    )
