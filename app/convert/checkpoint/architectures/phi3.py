"""Phi-3 and Phi-4: query, key and value in one matrix, gate and up in another, which stay so in a GGUF.

M. Abdin et al., "Phi-3 Technical Report", 2024; `Phi3Config` of Transformers. Long contexts by LongRoPE (Y. Ding et
al., "LongRoPE: Extending LLM Context Window Beyond 2 Million Tokens", 2024): a factor for each frequency, other ones
for prompts that are longer than what the model was trained for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from app.convert.checkpoint.architectures.dimensions import (
    MOST_CONTEXT,
    Dimensions,
    dimension_keys,
    expect_activation,
    read_dimensions,
    rms_norm_keys,
)
from app.convert.checkpoint.architectures.layers import is_tied, norm, unused, vocabulary
from app.convert.checkpoint.architectures.rope import rope_parameters
from app.convert.checkpoint.config import Config, damaged
from app.convert.checkpoint.plan import ComputedTensor, MetadataValue, ModelPlan, PlannedTensor
from app.core.errors import UnsupportedCheckpoint
from app.gguf.cursor import shorten


def plan_phi3(config: Config) -> ModelPlan:
    """Raises DamagedCheckpoint and UnsupportedCheckpoint."""
    expect_activation(config, "hidden_act", "silu")
    dimensions = read_dimensions(config)
    parameters = rope_parameters(config)
    turned = config.number(
        "partial_rotary_factor", default=parameters.number("partial_rotary_factor", default=1.0)
    )
    rope_length = int(turned * dimensions.hidden) // dimensions.heads
    context = config.count("max_position_embeddings", MOST_CONTEXT, default=4096)
    trained = config.count(
        "original_max_position_embeddings",
        MOST_CONTEXT,
        default=parameters.count("original_max_position_embeddings", MOST_CONTEXT, default=4096),
    )
    keys: dict[str, MetadataValue] = {
        **dimension_keys(config, dimensions, default_context=4096),
        **rms_norm_keys(config, default=1e-5),
        "rope.dimension_count": rope_length,
        "rope.freq_base": parameters.number(
            "rope_theta", default=config.number("rope_theta", default=10_000.0)
        ),
        "rope.scaling.original_context_length": trained,
        # Without one it is 0, by which llama.cpp knows Phi-4.
        "attention.sliding_window": (
            config.count("sliding_window", MOST_CONTEXT) if config.has("sliding_window") else 0
        ),
    }
    factors = _factors(parameters, rope_length)
    if factors:
        kind = parameters.text("rope_type", default=parameters.text("type", default="longrope"))
        keys["rope.scaling.attn_factor"] = _attention_factor(kind, context / trained, trained)
    tied = is_tied(config, default=False)
    return ModelPlan(
        architecture="phi3",
        layers=dimensions.layers,
        vocabulary_size=dimensions.vocabulary,
        metadata=keys,
        tensors=(
            *vocabulary(dimensions, tied=tied),
            *(
                each
                for layer in range(dimensions.layers)
                for each in _layer(f"model.layers.{layer}", dimensions)
            ),
            *norm("model.norm", dimensions.hidden),
        ),
        unused=unused(tied=tied),
        computed=factors,
    )


def _layer(prefix: str, dimensions: Dimensions) -> Iterator[PlannedTensor]:
    hidden = dimensions.hidden
    yield from norm(f"{prefix}.input_layernorm", hidden)
    yield PlannedTensor(
        f"{prefix}.self_attn.qkv_proj.weight", (dimensions.query + 2 * dimensions.key, hidden)
    )
    yield PlannedTensor(f"{prefix}.self_attn.o_proj.weight", (hidden, dimensions.query))
    yield from norm(f"{prefix}.post_attention_layernorm", hidden)
    yield PlannedTensor(f"{prefix}.mlp.gate_up_proj.weight", (2 * dimensions.feed_forward, hidden))
    yield PlannedTensor(f"{prefix}.mlp.down_proj.weight", (hidden, dimensions.feed_forward))


def _factors(parameters: Config, rope_length: int) -> tuple[ComputedTensor, ...]:
    if not parameters.has("long_factor"):
        return ()
    found = []
    for name in ("long", "short"):
        factors = parameters.numbers(f"{name}_factor")
        if len(factors) != rope_length // 2:
            raise damaged("config.json", f"{name}_factor has {len(factors)} numbers, not {rope_length // 2}")
        found.append(ComputedTensor(f"rope_factors_{name}.weight", factors))
    return tuple(found)


def _attention_factor(kind: str, stretched: float, trained: int) -> float:
    if kind in ("su", "longrope"):
        return math.sqrt(1 + math.log(stretched) / math.log(trained)) if stretched > 1 < trained else 1.0
    if kind == "yarn":
        return 0.1 * math.log(stretched) + 1 if stretched > 1 else 1.0
    raise UnsupportedCheckpoint(
        f"This Phi stretches its context by {shorten(kind)} RoPE, which llama.cpp does not know of it.",
        "Download a GGUF file of this model instead.",
    )
