"""Geometry: what a model's metadata say about its layers, checked and complete.

Sources: the keys of the GGUF specification (github.com/ggml-org/ggml, docs/gguf.md) and, for what a
header leaves out, the defaults of llama.cpp's models (`load_arch_hparams` of each architecture).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.gguf.header import MetadataValue, SkippedArray

MOST_LAYERS = 512
"""llama.cpp refuses more (LLAMA_MAX_LAYERS)."""

_MOST = 1 << 32

_WINDOW_PERIODS = {
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "cohere2": 4,
    "gpt-oss": 2,
    "llama4": 4,
    "olmo2": 4,
}
"""Every n-th layer sees the whole context, the others a window, where the header has no pattern."""

_WINDOWS = {"gemma2": 4096, "llama4": 8192}
"""Window in tokens, where the header has none."""

_WINDOW_IGNORED = frozenset({"phi3"})
"""The header names a window, and llama.cpp attends to everything all the same."""

_KV_LAYERS = {"gemma3n": 20}
"""Only the first n layers have a cache, where the header does not say it."""

_HEADS_TELL = frozenset({"granitehybrid", "lfm2", "lfm2moe", "jamba", "kimi-linear", "kimi-k3"})
"""A layer without key-value heads is recurrent."""

_RECURRENT_PERIODS = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4}
"""Every n-th layer attends and the others are recurrent, where the header has no list."""

_ALL_RECURRENT = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"})


@dataclass(frozen=True)
class Layer:
    """One layer. Lengths in elements; `heads` 0: it does not attend."""

    heads: int
    kv_heads: int
    key_length: int
    value_length: int
    feed_forward: int
    windowed: bool
    recurrent: bool
    has_cache: bool

    @property
    def keys(self) -> int:
        return self.kv_heads * self.key_length

    @property
    def values(self) -> int:
        return self.kv_heads * self.value_length


@dataclass(frozen=True)
class Experts:
    """A mixture of experts: `count` of them, of which `used` see a token."""

    count: int
    used: int
    feed_forward: int
    shared_feed_forward: int


@dataclass(frozen=True)
class StateSpace:
    """The recurrent state of one layer and sequence, in elements, as llama.cpp keeps it (F32)."""

    convolution: int
    state: int


@dataclass(frozen=True)
class Geometry:
    """A model's dimensions. `layers` are those that run: layers that only predict further tokens
    (multi-token prediction) are in the file and in memory, but keep no cache.

    `window` in tokens, 0 without. `latent`: keys and values are one compressed row per token
    (multi-head latent attention, DeepSeek-AI 2024). `indexer_keys`: elements that a sparse-attention
    indexer keeps per token and layer.
    """

    architecture: str
    layers: tuple[Layer, ...]
    embedding: int
    vocabulary: int
    context_length: int
    window: int
    latent: bool
    indexer_keys: int
    experts: Experts | None
    state_space: StateSpace | None


def read_geometry(metadata: Mapping[str, MetadataValue], vocabulary: int | None) -> Geometry | None:
    """The geometry that a GGUF header tells; None where a number without which nothing can be counted
    is missing or impossible, or the layout of the architecture's cache is not known here.
    """
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str):
        return None
    keys = _Keys(architecture, metadata)
    layer_count = keys.number("block_count")
    embedding = keys.number("embedding_length")
    vocabulary = vocabulary or keys.number("vocab_size")
    if not 0 < layer_count <= MOST_LAYERS or not embedding or not vocabulary:
        return None
    further = keys.number("nextn_predict_layers")
    running = layer_count - further if further < layer_count else layer_count
    layers = _layers(keys, running, layer_count, embedding)
    if layers is None:
        return None
    return Geometry(
        architecture=architecture,
        layers=layers,
        embedding=embedding,
        vocabulary=vocabulary,
        context_length=keys.number("context_length"),
        window=_window(keys),
        latent=bool(keys.number("attention.key_length_mla") and keys.number("attention.value_length_mla")),
        indexer_keys=keys.number("attention.indexer.key_length"),
        experts=_experts(keys),
        state_space=_state_space(keys, embedding),
    )


class _Keys:
    """Numbers under an architecture's keys; whatever is no sensible number counts as absent, 0."""

    def __init__(self, architecture: str, metadata: Mapping[str, MetadataValue]) -> None:
        self.architecture = architecture
        self._metadata = metadata

    def value(self, key: str) -> MetadataValue | None:
        return self._metadata.get(f"{self.architecture}.{key}")

    def number(self, key: str) -> int:
        """The number, or the most of a list."""
        value = self.value(key)
        numbers = value if isinstance(value, tuple) else (value,)
        return max((number for number in numbers if _is_count(number)), default=0)  # type: ignore[type-var, return-value]

    def has(self, key: str) -> bool:
        return self.value(key) is not None

    def per_layer(self, key: str, count: int) -> tuple[int, ...] | None:
        """One number for each layer; None where the header has none or too few."""
        value = self.value(key)
        if value is None or isinstance(value, SkippedArray):
            return None
        numbers = value if isinstance(value, tuple) else (value,) * count
        if len(numbers) < count or not all(_is_count(number) for number in numbers):
            return None
        return tuple(int(number) for number in numbers[:count])


def _is_count(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= _MOST


def _layers(keys: _Keys, running: int, count: int, embedding: int) -> tuple[Layer, ...] | None:
    recurrent = _recurrent(keys, running)
    heads = keys.per_layer("attention.head_count", running)
    if heads is None:
        if not all(recurrent):
            return None
        heads = (0,) * running
    kv_heads = keys.per_layer("attention.head_count_kv", running) or heads
    feed_forward = keys.per_layer("feed_forward_length", running) or (0,) * running
    most_heads = max(heads)
    even = embedding // most_heads if most_heads else 0
    key_length = keys.number("attention.key_length") or even
    value_length = keys.number("attention.value_length") or even
    windowed = _windowed(keys, running)
    cached = _cached_layers(keys, count)
    return tuple(
        Layer(
            heads=heads[index],
            kv_heads=kv_heads[index],
            key_length=(windowed[index] and keys.number("attention.key_length_swa")) or key_length,
            value_length=(windowed[index] and keys.number("attention.value_length_swa")) or value_length,
            feed_forward=feed_forward[index],
            windowed=windowed[index],
            recurrent=recurrent[index],
            has_cache=index < cached,
        )
        for index in range(running)
    )


def _window(keys: _Keys) -> int:
    if keys.architecture in _WINDOW_IGNORED:
        return 0
    if keys.architecture == "llama4":  # its window is fixed; a header can only switch it off
        return 0 if keys.value("attention.sliding_window") == 0 else _WINDOWS["llama4"]
    if keys.architecture == "exaone4" and len(keys.per_layer("attention.head_count", 64) or ()) < 64:
        return 0
    return keys.number("attention.sliding_window") or _WINDOWS.get(keys.architecture, 0)


def _windowed(keys: _Keys, count: int) -> tuple[bool, ...]:
    if not _window(keys):
        return (False,) * count
    pattern = keys.value("attention.sliding_window_pattern")
    if isinstance(pattern, tuple) and len(pattern) >= count:
        return tuple(bool(each) for each in pattern[:count])
    period = pattern if _is_count(pattern) else _WINDOW_PERIODS.get(keys.architecture)
    if not isinstance(period, int):
        return (False,) * count
    return tuple(period == 0 or index % period < period - 1 for index in range(count))


def _recurrent(keys: _Keys, count: int) -> tuple[bool, ...]:
    if keys.architecture in _ALL_RECURRENT:
        return (True,) * count
    if keys.architecture == "falcon-h1":  # attention and state space side by side in each layer
        return (True,) * count
    kv_heads = keys.per_layer("attention.head_count_kv", count) or (1,) * count
    if keys.architecture in _HEADS_TELL:
        return tuple(heads == 0 for heads in kv_heads)
    if keys.architecture in ("nemotron_h", "nemotron_h_moe"):
        feed_forward = keys.per_layer("feed_forward_length", count) or (0,) * count
        return tuple(not heads and not wide for heads, wide in zip(kv_heads, feed_forward, strict=True))
    listed = keys.per_layer("attention.recurrent_layers", count)
    if listed is not None:
        return tuple(bool(each) for each in listed)
    period = keys.number("full_attention_interval") or _RECURRENT_PERIODS.get(keys.architecture, 0)
    if keys.architecture in _RECURRENT_PERIODS and period:
        return tuple((index + 1) % period != 0 for index in range(count))
    return (False,) * count


def _cached_layers(keys: _Keys, count: int) -> int:
    if keys.architecture == "gemma4":
        return max(count - keys.number("attention.shared_kv_layers"), 0)
    return _KV_LAYERS.get(keys.architecture, count)


def _experts(keys: _Keys) -> Experts | None:
    count, used = keys.number("expert_count"), keys.number("expert_used_count")
    if not count or not 0 < used <= count:
        return None
    feed_forward = keys.number("expert_feed_forward_length") or keys.number("feed_forward_length")
    shared = keys.number("expert_shared_feed_forward_length")
    return Experts(count, used, feed_forward, shared or feed_forward * keys.number("expert_shared_count"))


def _state_space(keys: _Keys, embedding: int) -> StateSpace | None:
    if cache := keys.number("shortconv.l_cache"):
        return StateSpace(embedding * (cache - 1), 0)
    kernel = keys.number("ssm.conv_kernel")
    if head := keys.number("kda.head_dim"):
        inner = keys.number("attention.head_count") * head
        return StateSpace(3 * max((kernel or 4) - 1, 0) * inner, head * inner)
    inner, state = keys.number("ssm.inner_size"), keys.number("ssm.state_size")
    if not inner:
        return None
    return StateSpace(
        max(kernel - 1, 0) * (inner + 2 * keys.number("ssm.group_count") * state), state * inner
    )
