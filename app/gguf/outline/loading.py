"""The metadata without which llama.cpp does not load a model, made of its geometry.

A catalogue entry has only what sizes follow from. The rest that the loader of an architecture insists on
(`load_arch_hparams` in `src/models/` of llama.cpp) gets stand-in values here, none of which changes what is
in memory. No vocabulary: with the tokenizer "none" llama.cpp makes as many empty tokens as `vocab_size` says,
in a few milliseconds, where a real one has up to 20 MB.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.gguf.header import MetadataValue, Scalar

_SIGMOID, _SQRT_SOFTPLUS = 2, 4
_EPSILON = 1e-6
_SECTIONS = (0, 0, 0, 0)

_REQUIRED: dict[str, dict[str, MetadataValue]] = {
    "cohere2": {"logit_scale": 1.0},
    "deepseek32": {"expert_gating_func": _SIGMOID},
    "deepseek4": {
        "attention.compress_rope_freq_base": 10000.0,
        "expert_gating_func": _SQRT_SOFTPLUS,
        "expert_weights_norm": True,
        "expert_weights_scale": 1.0,
        "hyper_connection.epsilon": _EPSILON,
        "hyper_connection.sinkhorn_iterations": 1,
        "swiglu_clamp_exp": 0.0,
    },
    "granite": {"logit_scale": 1.0},
    "kimi-k3": {
        "activation.situ_beta": 1.0,
        "activation.situ_linear_beta": 1.0,
        "expert_gating_func": _SIGMOID,
    },
    "lfm2moe": {"expert_gating_func": _SIGMOID},
    "minimax-m2": {"expert_gating_func": _SIGMOID},
    "minimax-m3": {"expert_gating_func": _SIGMOID},
    "qwen35": {"rope.dimension_sections": _SECTIONS},
    "qwen35moe": {"rope.dimension_sections": _SECTIONS},
    "qwen3vl": {"rope.dimension_sections": _SECTIONS},
    "qwen3vlmoe": {"rope.dimension_sections": _SECTIONS},
}
"""By architecture, without its prefix. A geometry's own values go before these."""


def loading_metadata(architecture: str, geometry: Mapping[str, object]) -> dict[str, MetadataValue]:
    """All keys with their prefix; `geometry` comes without. Its values that no key can hold are left out."""
    values: dict[str, MetadataValue] = {
        "attention.layer_norm_epsilon": _EPSILON,
        "attention.layer_norm_rms_epsilon": _EPSILON,
        **_REQUIRED.get(architecture, {}),
    }
    for key, value in geometry.items():
        if isinstance(value, Scalar):
            values[key] = value
        elif isinstance(value, list | tuple) and all(isinstance(each, Scalar) for each in value):
            values[key] = tuple(value)
    return {
        "general.architecture": architecture,
        **{f"{architecture}.{key}": value for key, value in values.items()},
        "tokenizer.ggml.model": "none",
    }
