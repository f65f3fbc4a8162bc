"""gpt-oss: experts with biases, attention with sinks, every other layer with a window. Experts were trained in MXFP4.

OpenAI, "gpt-oss-120b & gpt-oss-20b Model Card", 2025; `GptOssConfig` of Transformers. Gate and up lie in one matrix, a
row of either in turns.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.convert.checkpoint.architectures.dimensions import (
    MOST_CONTEXT,
    MOST_EXPERTS,
    Dimensions,
    dimension_keys,
    read_dimensions,
    rms_norm_keys,
)
from app.convert.checkpoint.architectures.layers import attention, is_tied, norm, unused, vocabulary
from app.convert.checkpoint.architectures.rope import read_rope
from app.convert.checkpoint.config import Config
from app.convert.checkpoint.plan import ModelPlan, PlannedTensor

_INTERLEAVED = (("gate", slice(0, None, 2)), ("up", slice(1, None, 2)))


def plan_gpt_oss(config: Config) -> ModelPlan:
    """Raises DamagedCheckpoint and UnsupportedCheckpoint."""
    dimensions = read_dimensions(config)
    count = config.count("num_local_experts", MOST_EXPERTS, default=128)
    rope = read_rope(config, dimensions.head_length, 150_000.0)
    tied = is_tied(config, default=False)
    return ModelPlan(
        architecture="gpt-oss",
        layers=dimensions.layers,
        vocabulary_size=dimensions.vocabulary,
        metadata={
            **dimension_keys(config, dimensions, default_context=131_072),
            **rms_norm_keys(config, default=1e-5),
            **rope.metadata,
            "attention.sliding_window": config.count("sliding_window", MOST_CONTEXT, default=128),
            "expert_count": count,
            "expert_used_count": config.count("num_experts_per_tok", count, default=4),
            "expert_feed_forward_length": dimensions.feed_forward,
        },
        tensors=(
            *vocabulary(dimensions, tied=tied),
            *(
                each
                for layer in range(dimensions.layers)
                for each in _layer(f"model.layers.{layer}", dimensions, count)
            ),
            *norm("model.norm", dimensions.hidden),
        ),
        unused=unused(tied=tied),
        computed=rope.computed,
    )


def _layer(prefix: str, dimensions: Dimensions, count: int) -> Iterator[PlannedTensor]:
    hidden, length = dimensions.hidden, dimensions.feed_forward
    experts = f"{prefix}.mlp.experts"
    yield from norm(f"{prefix}.input_layernorm", hidden)
    yield from attention(prefix, dimensions, biases="qkvo")
    sinks = f"{prefix}.self_attn.sinks"
    yield PlannedTensor(f"{sinks}.weight", (dimensions.heads,), stored=sinks)
    yield from norm(f"{prefix}.post_attention_layernorm", hidden)
    yield PlannedTensor(f"{prefix}.mlp.router.weight", (count, hidden))
    yield PlannedTensor(f"{prefix}.mlp.router.bias", (count,))
    for name, rows in _INTERLEAVED:
        both = (count, 2 * length, hidden)
        yield PlannedTensor(
            f"{experts}.{name}_proj.weight", both, stored=f"{experts}.gate_up_proj", rows=rows
        )
        both_biases = f"{experts}.gate_up_proj_bias"
        yield PlannedTensor(f"{experts}.{name}_proj.bias", both[:2], stored=both_biases, columns=rows)
    down = f"{experts}.down_proj"
    yield PlannedTensor(f"{down}.weight", (count, hidden, length), stored=down)
    yield PlannedTensor(f"{down}.bias", (count, hidden), stored=f"{down}_bias")
