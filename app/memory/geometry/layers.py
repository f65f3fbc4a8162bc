"""read_layers: how each layer attends or recurs, from the metadata and the defaults of the architecture."""

from __future__ import annotations

from app.memory.geometry.keys import Keys
from app.memory.geometry.model import Layer

_WINDOW_PERIODS = {
    "afmoe": 4,
    "cohere2": 4,
    "exaone-moe": 4,
    "exaone4": 4,
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gpt-oss": 2,
    "llama4": 4,
    "mellum": 4,
    "muse-glimmer": 4,
    "olmo2": 4,
    "plamo3": 8,
}
"""Every n-th layer sees the whole context, the others a window, where the header has no pattern."""

_WHOLE_FIRST_PERIODS = {"cohere2moe": 4, "laguna": 4, "smallthinker": 4}
"""So it is here, but the first of the n layers is the one."""

_WINDOWED_BUT_RECURRENT = frozenset({"lfm2", "lfm2moe"})
"""With a window, all layers that are not recurrent have it."""

_WINDOWS = {"exaone4": 4096, "gemma2": 4096, "llama4": 8192}
"""Window in tokens, where the header has none."""

_FIXED_WINDOWS = frozenset({"llama4"})
"""The header can only switch it off."""

_WINDOW_IGNORED = frozenset({"phi3"})
"""The header names a window, and llama.cpp attends to everything all the same."""

_WINDOWED_LAYER_COUNTS = {"exaone4": 64}
"""Only the model with so many layers has a window."""

_CACHED_LAYERS = {"gemma3n": 20}
"""Only the first n layers have a cache, whatever the header says."""

_UNROTATED = {
    "cohere2": "whole",
    "exaone4": "whole",
    "jamba": "all",
    "llama4": "whole",
    "nemotron_h": "all",
    "nemotron_h_moe": "all",
    "smollm3": "fourth",
}
"""Which layers know no positions: those that see the whole context beside windowed ones, every fourth, all."""

_ROTATION_TOLD = frozenset({"granite", "granitemoe", "granitehybrid"})
"""The header can say that no layer knows positions, under "rope.scaling.finetuned"."""

_HEADS_TELL = frozenset({"granitehybrid", "jamba", "lfm2", "lfm2moe"})
"""A layer without key-value heads is recurrent."""

_FEED_FORWARD_TELLS = frozenset({"nemotron_h", "nemotron_h_moe"})
"""A layer without key-value heads is recurrent if it has no feed-forward length either."""

_RECURRENT_PERIODS = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4}
"""Every n-th layer attends and the others are recurrent, where the header has no list."""

_BOTH = frozenset({"falcon-h1"})
"""Each layer attends and is recurrent."""

_ALL_RECURRENT = frozenset({"mamba", "mamba2"})

_CONTEXT_OF_SHARED_INDEXERS = 1 << 20
"""GLM models with this context (5.2) have an indexer in every fourth layer, where the header has no list."""


def read_layers(keys: Keys, running: int, count: int) -> tuple[Layer, ...] | None:
    """The `running` layers of the `count` in the file; None where nothing says how many heads they have."""
    recurrent = _recurrent(keys, running)
    heads = keys.per_layer("attention.head_count", running)
    if heads is None:
        if not all(recurrent):
            return None
        heads = (0,) * running
    kv_heads = keys.per_layer("attention.head_count_kv", running) or heads
    even = keys.number("embedding_length") // max(heads) if max(heads) else 0
    key_length = keys.number("attention.key_length") or even
    value_length = keys.number("attention.value_length") or even
    windowed = _windowed(keys, running, recurrent)
    indexed = _indexed(keys, running)
    cached = _cached_layers(keys, count)
    return tuple(
        Layer(
            heads=heads[index],
            kv_heads=kv_heads[index],
            key_length=(windowed[index] and keys.number("attention.key_length_swa")) or key_length,
            value_length=(windowed[index] and keys.number("attention.value_length_swa")) or value_length,
            windowed=windowed[index],
            recurrent=recurrent[index],
            has_cache=index < cached
            and kv_heads[index] > 0
            and (not recurrent[index] or keys.architecture in _BOTH),
            rotated=_rotated(keys, index, windowed),
            scaled=_scaled(keys, windowed=windowed[index]),
            indexed=indexed[index],
        )
        for index in range(running)
    )


def window(keys: Keys, layers: int) -> int:
    """How many tokens back a windowed layer sees; 0 where all see all."""
    architecture = keys.architecture
    told = keys.value("attention.sliding_window")
    if architecture in _WINDOW_IGNORED or told == 0:
        return 0
    if _WINDOWED_LAYER_COUNTS.get(architecture, layers) != layers:
        return 0
    if architecture in _FIXED_WINDOWS:
        return _WINDOWS[architecture]
    return keys.number("attention.sliding_window") or _WINDOWS.get(architecture, 0)


def _windowed(keys: Keys, count: int, recurrent: tuple[bool, ...]) -> tuple[bool, ...]:
    if not window(keys, count):
        return (False,) * count
    if keys.architecture in _WINDOWED_BUT_RECURRENT:
        return tuple(not each for each in recurrent)
    pattern = keys.value("attention.sliding_window_pattern")
    if isinstance(pattern, tuple):
        listed = keys.per_layer("attention.sliding_window_pattern", count)
        return tuple(bool(each) for each in listed) if listed else (False,) * count
    told = keys.number("attention.sliding_window_pattern")
    if period := _WHOLE_FIRST_PERIODS.get(keys.architecture):
        return tuple(index % (told or period) != 0 for index in range(count))
    period = told or _WINDOW_PERIODS.get(keys.architecture, 1)
    return tuple(index % period < period - 1 for index in range(count))


def _rotated(keys: Keys, index: int, windowed: tuple[bool, ...]) -> bool:
    match _UNROTATED.get(keys.architecture):
        case "whole":
            return windowed[index] or not any(windowed)
        case "fourth":
            return (index + 1) % 4 != 0
        case "all":
            return False
        case _:
            told = keys.architecture in _ROTATION_TOLD
            return not told or keys.value("rope.scaling.finetuned") is not False


def _scaled(keys: Keys, *, windowed: bool) -> bool:
    if keys.architecture == "llama4":
        return not windowed
    return bool(keys.value("attention.temperature_scale"))


def _recurrent(keys: Keys, count: int) -> tuple[bool, ...]:
    architecture = keys.architecture
    if architecture in _ALL_RECURRENT or architecture in _BOTH:
        return (True,) * count
    kv_heads = keys.per_layer("attention.head_count_kv", count) or (1,) * count
    if architecture in _HEADS_TELL:
        return tuple(heads == 0 for heads in kv_heads)
    if architecture in _FEED_FORWARD_TELLS:
        feed_forward = keys.per_layer("feed_forward_length", count) or (0,) * count
        return tuple(not heads and not wide for heads, wide in zip(kv_heads, feed_forward, strict=True))
    listed = keys.per_layer("attention.recurrent_layers", count)
    if listed is not None:
        return tuple(bool(each) for each in listed)
    period = _RECURRENT_PERIODS.get(architecture, 0) and (
        keys.number("full_attention_interval") or _RECURRENT_PERIODS[architecture]
    )
    return tuple(period > 0 and (index + 1) % period != 0 for index in range(count))


def _cached_layers(keys: Keys, count: int) -> int:
    return _CACHED_LAYERS.get(keys.architecture, count - keys.number("attention.shared_kv_layers"))


def _indexed(keys: Keys, count: int) -> tuple[bool, ...]:
    """Which layers have an indexer; the others attend to what the one before them chose, or to all."""
    if not keys.number("attention.indexer.key_length"):
        return (False,) * count
    if keys.architecture == "minimax-m3":
        dense = keys.number("leading_dense_block_count")
        return tuple(index >= dense for index in range(count))
    listed = keys.per_layer("attention.indexer.types", count)
    if listed is not None:
        return tuple(bool(each) for each in listed)
    if keys.architecture == "glm-dsa" and keys.number("context_length") >= _CONTEXT_OF_SHARED_INDEXERS:
        return tuple(index < 2 or index % 4 == 2 for index in range(count))
    return (True,) * count
