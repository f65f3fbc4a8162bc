"""Gemma 2 and 3: norms on both sides of attention and feed-forward, and layers that look back only so far.

Gemma Team, "Gemma 2: Improving Open Language Models at a Practical Size", 2024, and "Gemma 3 Technical Report", 2025;
`Gemma2Config` and `Gemma3TextConfig` of Transformers. Norms multiply by 1 plus what is stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from app.convert.checkpoint.architectures.dimensions import (
    MOST_CONTEXT,
    Dimensions,
    dimension_keys,
    expect_activation,
    read_dimensions,
    rms_norm_keys,
)
from app.convert.checkpoint.architectures.layers import attention, feed_forward, norm, unused, vocabulary
from app.convert.checkpoint.architectures.rope import read_rope
from app.convert.checkpoint.config import Config
from app.convert.checkpoint.plan import MetadataValue, ModelPlan, PlannedTensor
from app.core.errors import UnsupportedCheckpoint

_SOFTCAPS = {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}
"""With what Gemma 2 has where config.json does not tell it; Gemma 3 has none."""
_GEMMA3_TEXT = {
    "hidden_size": 2304,
    "intermediate_size": 9216,
    "num_hidden_layers": 26,
    "num_attention_heads": 8,
}
_GEMMA3_TEXT |= {"num_key_value_heads": 4, "vocab_size": 262_208}
"""What the text part of a Gemma 3 with pictures has where config.json does not tell it (`Gemma3TextConfig`)."""
_OF_TEXT = (
    ("language_model.model.", "model."),
    ("language_model.lm_head.", "lm_head."),
    ("model.language_model.", "model."),
)
"""As Transformers 4.51 and earlier name its tensors, and as later ones do."""
_OF_PICTURES = (
    "vision_tower.*",
    "multi_modal_projector.*",
    "model.vision_tower.*",
    "model.multi_modal_projector.*",
)
_ACTIVATION = "gelu_pytorch_tanh"


def plan_gemma2(config: Config) -> ModelPlan:
    """Raises DamagedCheckpoint and UnsupportedCheckpoint."""
    expect_activation(config, "hidden_activation", _ACTIVATION)
    dimensions = _dimensions(config)
    keys = dimension_keys(config, dimensions, default_context=8192)
    return _plan(
        config,
        "gemma2",
        dimensions,
        {
            **keys,
            **{name: config.number(name, default=default) for name, default in _SOFTCAPS.items()},
            "attention.sliding_window": config.count("sliding_window", MOST_CONTEXT, default=4096),
            **read_rope(config, dimensions.head_length).metadata,
        },
        query_norms=False,
    )


def plan_gemma3(config: Config) -> ModelPlan:
    """Raises DamagedCheckpoint and UnsupportedCheckpoint."""
    expect_activation(config, "hidden_activation", _ACTIVATION)
    if config.has("attn_logit_softcapping"):
        raise UnsupportedCheckpoint(
            "This Gemma 3 caps its attention, which llama.cpp does not compute for it.",
            "Choose another model.",
        )
    dimensions = _dimensions(config)
    keys: dict[str, MetadataValue] = {
        **dimension_keys(config, dimensions, default_context=131_072),
        **read_rope(config, dimensions.head_length, 1_000_000.0).metadata,
        "rope.freq_base_swa": _local_base(config),
    }
    if config.has("final_logit_softcapping"):
        keys["final_logit_softcapping"] = config.number("final_logit_softcapping")
    if config.count("sliding_window_pattern", 1 << 10, default=6) != 1:
        keys["attention.sliding_window"] = config.count("sliding_window", MOST_CONTEXT, default=4096)
    return _plan(config, "gemma3", dimensions, keys, query_norms=True)


def plan_gemma3_with_pictures(config: Config) -> ModelPlan:
    """Its text part alone, which is a Gemma 3. Raises DamagedCheckpoint and UnsupportedCheckpoint."""
    text = config.table("text_config")
    for key, default in _GEMMA3_TEXT.items():
        text = text if text.has(key) else text.with_value(key, default)
    plan = plan_gemma3(text)
    return replace(
        plan,
        unused=(*plan.unused, *_OF_PICTURES),
        renamed=_OF_TEXT,
        leaves_out="the part that sees pictures (its vision tower)",
    )


def _dimensions(config: Config) -> Dimensions:
    return read_dimensions(config if config.has("head_dim") else config.with_value("head_dim", 256))


def _local_base(config: Config) -> float:
    """Of the layers that look back only so far."""
    parameters = config.table("rope_parameters").table("sliding_attention")
    return parameters.number("rope_theta", default=config.number("rope_local_base_freq", default=10_000.0))


def _plan(
    config: Config,
    architecture: str,
    dimensions: Dimensions,
    keys: dict[str, MetadataValue],
    *,
    query_norms: bool,
) -> ModelPlan:
    if not config.flag("tie_word_embeddings", default=True):
        raise UnsupportedCheckpoint(
            "This Gemma has an output apart from its embedding, which llama.cpp does not know of it.",
            "Choose another model.",
        )
    return ModelPlan(
        architecture=architecture,
        layers=dimensions.layers,
        vocabulary_size=dimensions.vocabulary,
        metadata=keys | rms_norm_keys(config),
        tensors=(
            *vocabulary(dimensions, tied=True),
            *(
                each
                for layer in range(dimensions.layers)
                for each in _layer(f"model.layers.{layer}", config, dimensions, query_norms)
            ),
            *norm("model.norm", dimensions.hidden, plus=1.0),
        ),
        unused=unused(tied=True),
    )


def _layer(prefix: str, config: Config, dimensions: Dimensions, query_norms: bool) -> Iterator[PlannedTensor]:
    biases = "qkvo" if config.flag("attention_bias", default=False) else ""
    yield from attention(prefix, dimensions, biases=biases)
    for place in ("input", "post_attention", "pre_feedforward", "post_feedforward"):
        yield from norm(f"{prefix}.{place}_layernorm", dimensions.hidden, plus=1.0)
    if query_norms:
        yield from norm(f"{prefix}.self_attn.q_norm", dimensions.head_length, plus=1.0)
        yield from norm(f"{prefix}.self_attn.k_norm", dimensions.head_length, plus=1.0)
    yield from feed_forward(prefix, dimensions.hidden, dimensions.feed_forward)
