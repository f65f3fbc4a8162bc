"""Geometry: a model's dimensions, as far as memory depends on them."""

from __future__ import annotations

from dataclasses import dataclass

MOST_LAYERS = 512
"""llama.cpp refuses more (LLAMA_MAX_LAYERS)."""


@dataclass(frozen=True)
class Layer:
    """One layer. Lengths in elements; `heads` 0: it does not attend.

    `has_cache`: it keeps keys and values, and does not use those of an earlier layer. `rotated`: queries and
    keys are turned by their positions (RoPE); `scaled`: queries are scaled by theirs. `indexed`: an indexer
    keeps keys of its own here.
    """

    heads: int
    kv_heads: int
    key_length: int
    value_length: int
    windowed: bool
    recurrent: bool
    has_cache: bool
    rotated: bool
    scaled: bool
    indexed: bool

    @property
    def keys(self) -> int:
        return self.kv_heads * self.key_length

    @property
    def values(self) -> int:
        return self.kv_heads * self.value_length


@dataclass(frozen=True)
class Experts:
    """A mixture of experts: `count` of them, of which `used` see a token; of `groups` groups of them only
    `groups_used` are looked at. What becomes of the shares of the chosen ones: a `softmax` over them,
    `normalized` to a sum of 1, `scaled`.
    """

    count: int
    used: int
    groups: int
    groups_used: int
    softmax: bool
    normalized: bool
    scaled: bool


@dataclass(frozen=True)
class StateSpace:
    """The recurrent state of one layer and sequence, in elements, as llama.cpp keeps it (F32)."""

    convolution: int
    state: int


@dataclass(frozen=True)
class Indexer:
    """What chooses the tokens that sparse attention attends to: `chosen` tokens, or as many blocks of
    `block` tokens. It keeps one key for each token, and a value that nothing reads where there are values.
    """

    heads: int
    key_length: int
    value_length: int
    chosen: int
    block: int

    @property
    def reserved_blocks(self) -> int:
        """llama.cpp reserves for the positions in the cache when it is made, which count as 256; what
        further ones need it takes later."""
        return -(-256 // self.block) if self.block else 0

    @property
    def reserved_positions(self) -> int:
        return self.reserved_blocks * self.block


@dataclass(frozen=True)
class Geometry:
    """A model's dimensions. `layers` are those that run: layers that only predict further tokens
    (multi-token prediction) are in the file and in memory, but keep no cache.

    `positions`: numbers that say where a token is, 4 where images are placed in rows and columns. To the
    results of the first `deepstack_layers` layers parts of the input are added. `layer_embedding`: the length
    of an embedding that each layer has of its own. `streams` go through the layers beside each other, and the
    first `sparse_layers` let only their strongest activations through (Gemma 3n). `window` in tokens, 0
    without. `latent`: keys and values are one compressed row per token (multi-head latent attention,
    DeepSeek-AI 2024).
    """

    architecture: str
    layers: tuple[Layer, ...]
    embedding: int
    vocabulary: int
    context_length: int
    positions: int
    deepstack_layers: int
    layer_embedding: int
    streams: int
    sparse_layers: int
    window: int
    latent: bool
    indexer: Indexer | None
    experts: Experts | None
    state_space: StateSpace | None
