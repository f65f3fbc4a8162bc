"""How positions are told (RoPE), and how a context is stretched beyond what a model was trained for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from app.convert.checkpoint.architectures.dimensions import MOST_CONTEXT
from app.convert.checkpoint.config import Config, damaged
from app.convert.checkpoint.plan import ComputedTensor, MetadataValue
from app.core.errors import UnsupportedCheckpoint
from app.gguf.cursor import shorten

FREQUENCIES = "rope_freqs.weight"


@dataclass(frozen=True)
class Rope:
    metadata: dict[str, MetadataValue]
    computed: tuple[ComputedTensor, ...] = ()


def rope_parameters(config: Config) -> Config:
    """Transformers 5 has everything in rope_parameters, for each kind of layer where there are several; before,
    rope_scaling and rope_theta apart."""
    found = config.table("rope_parameters" if config.has("rope_parameters") else "rope_scaling")
    return found.table("full_attention") if found.has("full_attention") else found


def read_rope(config: Config, head_length: int, default_base: float = 10_000.0) -> Rope:
    """Raises DamagedCheckpoint, and UnsupportedCheckpoint for a kind llama.cpp computes otherwise or not at all."""
    parameters = rope_parameters(config)
    base = parameters.number("rope_theta", default=config.number("rope_theta", default=default_base))
    metadata: dict[str, MetadataValue] = {"rope.freq_base": base}
    kind = parameters.text("rope_type", default=parameters.text("type", default="default"))
    if kind == "linear":
        metadata |= {"rope.scaling.type": "linear", "rope.scaling.factor": parameters.number("factor")}
    elif kind == "yarn":
        metadata |= _yarn(config, parameters)
    elif kind == "llama3":
        return Rope(metadata, (ComputedTensor(FREQUENCIES, _llama3(parameters, base, head_length)),))
    elif kind != "default":
        raise UnsupportedCheckpoint(
            f"This model stretches its context by {shorten(kind)} RoPE, which Nibble does not convert yet.",
            "Download a GGUF file of this model instead.",
        )
    return Rope(metadata)


def _yarn(config: Config, parameters: Config) -> dict[str, MetadataValue]:
    """B. Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models", 2023."""
    trained = parameters.count(
        "original_max_position_embeddings",
        MOST_CONTEXT,
        default=config.count("original_max_position_embeddings", MOST_CONTEXT, default=1),
    )
    if trained == 1:
        raise damaged("config.json", "it does not say for which context YaRN stretches the model")
    keys: dict[str, MetadataValue] = {
        "rope.scaling.type": "yarn",
        "rope.scaling.factor": parameters.number("factor"),
        "rope.scaling.original_context_length": trained,
    }
    for key, names in (
        ("yarn_ext_factor", ("extrapolation_factor",)),
        ("yarn_attn_factor", ("attention_factor", "attn_factor")),
        ("yarn_beta_fast", ("beta_fast",)),
        ("yarn_beta_slow", ("beta_slow",)),
    ):
        told = next((name for name in names if parameters.has(name)), None)
        if told is not None:
            keys[f"rope.scaling.{key}"] = parameters.number(told)
    return keys


def _llama3(parameters: Config, base: float, head_length: int) -> tuple[float, ...]:
    """By how much each frequency is divided: those that turn slowly by the whole factor, quick ones by none
    ("The Llama 3 Herd of Models", 2024, section 3.4.2; `_compute_llama3_parameters` of Transformers). In F32, as there.
    """
    import numpy as np

    factor = parameters.number("factor", default=8.0)
    low = parameters.number("low_freq_factor", default=1.0)
    high = parameters.number("high_freq_factor", default=4.0)
    trained = parameters.count("original_max_position_embeddings", MOST_CONTEXT, default=8192)
    if low == high:
        raise damaged("config.json", "low_freq_factor and high_freq_factor are the same")
    exponents = np.arange(0, head_length, 2, dtype=np.float32) / np.float32(head_length)
    frequencies = np.float32(1) / np.power(np.float32(base), exponents)
    wavelengths = np.float32(2 * math.pi) / frequencies
    smooth = (np.float32(trained) / wavelengths - np.float32(low)) / np.float32(high - low)
    between = np.float32(1) / ((1 - smooth) / np.float32(factor) + smooth)
    divided = np.where(
        wavelengths < trained / high, np.float32(1), np.where(wavelengths > trained / low, factor, between)
    )
    return tuple(float(each) for each in divided)
