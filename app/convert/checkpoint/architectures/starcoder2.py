"""StarCoder2: layer norms with biases, and a feed-forward network of two matrices.

A. Lozhkov et al., "StarCoder 2 and The Stack v2: The Next Generation", 2024; `Starcoder2Config` of Transformers. Its
sliding window llama.cpp does not compute.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.convert.checkpoint.architectures.dimensions import (
    Dimensions,
    dimension_keys,
    expect_activation,
    read_dimensions,
)
from app.convert.checkpoint.architectures.layers import attention, is_tied, norm, unused, vocabulary
from app.convert.checkpoint.architectures.rope import read_rope
from app.convert.checkpoint.config import Config
from app.convert.checkpoint.plan import ModelPlan, PlannedTensor


def plan_starcoder2(config: Config) -> ModelPlan:
    """Raises DamagedCheckpoint and UnsupportedCheckpoint."""
    expect_activation(config, "hidden_act", "gelu_pytorch_tanh")
    dimensions = read_dimensions(config, told_head_length=False)
    rope = read_rope(config, dimensions.head_length)
    tied = is_tied(config, default=True)
    bias = config.flag("use_bias", default=True)
    return ModelPlan(
        architecture="starcoder2",
        layers=dimensions.layers,
        vocabulary_size=dimensions.vocabulary,
        metadata={
            **dimension_keys(config, dimensions, default_context=4096),
            **rope.metadata,
            "attention.layer_norm_epsilon": config.number("norm_epsilon", default=1e-5),
        },
        tensors=(
            *vocabulary(dimensions, tied=tied),
            *(
                each
                for layer in range(dimensions.layers)
                for each in _layer(f"model.layers.{layer}", dimensions, bias)
            ),
            *norm("model.norm", dimensions.hidden, bias=True),
        ),
        unused=unused(tied=tied),
        computed=rope.computed,
    )


def _layer(prefix: str, dimensions: Dimensions, bias: bool) -> Iterator[PlannedTensor]:
    hidden, length = dimensions.hidden, dimensions.feed_forward
    yield from norm(f"{prefix}.input_layernorm", hidden, bias=True)
    yield from attention(prefix, dimensions, biases="qkvo" if bias else "")
    yield from norm(f"{prefix}.post_attention_layernorm", hidden, bias=True)
    for name, rows, columns in (("c_fc", length, hidden), ("c_proj", hidden, length)):
        yield PlannedTensor(f"{prefix}.mlp.{name}.weight", (rows, columns))
        if bias:
            yield PlannedTensor(f"{prefix}.mlp.{name}.bias", (rows,))
