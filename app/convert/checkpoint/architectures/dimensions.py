"""The dimensions every architecture has, under the names Transformers gives them, and their keys in a GGUF.

Keys of GGUF: docs/gguf.md of ggml.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.convert.checkpoint.config import Config, damaged
from app.convert.checkpoint.plan import MetadataValue
from app.core.errors import UnsupportedCheckpoint

MOST_LAYERS = 512
"""As llama.cpp has it (LLAMA_MAX_LAYERS)."""
MOST_EXPERTS = 512
"""As llama.cpp has it (LLAMA_MAX_EXPERTS)."""
MOST_TOKENS = 1 << 20
"""Four times the largest vocabulary so far."""
MOST_DIMENSIONS = 1 << 17
_MOST_HEADS = 1 << 10
_MOST_HEAD_LENGTH = 512
"""Each at least twice the largest so far; together they bound what is in memory at once, a head of F32 rows."""
MOST_CONTEXT = 1 << 31


@dataclass(frozen=True)
class Dimensions:
    """In elements; `query` and `key` are all heads together."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_length: int
    feed_forward: int
    vocabulary: int

    @property
    def query(self) -> int:
        return self.heads * self.head_length

    @property
    def key(self) -> int:
        return self.kv_heads * self.head_length


def read_dimensions(config: Config, *, told_head_length: bool = True) -> Dimensions:
    """`told_head_length`: whether the architecture looks at `head_dim`. Raises DamagedCheckpoint."""
    hidden = config.count("hidden_size", MOST_DIMENSIONS)
    heads = config.count("num_attention_heads", _MOST_HEADS)
    kv_heads = config.count("num_key_value_heads", _MOST_HEADS, default=heads)
    told = told_head_length and config.has("head_dim")
    if not told and hidden % heads:
        raise damaged("config.json", f"{heads} heads cannot share {hidden} dimensions")
    head_length = config.count("head_dim", _MOST_HEAD_LENGTH) if told else hidden // heads
    if heads % kv_heads or head_length % 2 or head_length > _MOST_HEAD_LENGTH:
        raise damaged(
            "config.json", f"{heads} heads of {head_length} cannot share {kv_heads} key-value heads"
        )
    return Dimensions(
        layers=config.count("num_hidden_layers", MOST_LAYERS),
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_length=head_length,
        feed_forward=config.count("intermediate_size", MOST_DIMENSIONS),
        vocabulary=config.count("vocab_size", MOST_TOKENS),
    )


def dimension_keys(
    config: Config, dimensions: Dimensions, default_context: int | None = 2048
) -> dict[str, MetadataValue]:
    """`default_context`: the class's own, where config.json does not tell."""
    return {
        "block_count": dimensions.layers,
        "context_length": config.count("max_position_embeddings", MOST_CONTEXT, default=default_context),
        "embedding_length": dimensions.hidden,
        "feed_forward_length": dimensions.feed_forward,
        "attention.head_count": dimensions.heads,
        "attention.head_count_kv": dimensions.kv_heads,
        "attention.key_length": dimensions.head_length,
        "attention.value_length": dimensions.head_length,
        "vocab_size": dimensions.vocabulary,
        "rope.dimension_count": dimensions.head_length,
    }


def rms_norm_keys(config: Config, default: float = 1e-6) -> dict[str, MetadataValue]:
    return {"attention.layer_norm_rms_epsilon": config.number("rms_norm_eps", default=default)}


def expect_activation(config: Config, key: str, wanted: str) -> None:
    """Raises UnsupportedCheckpoint for one that llama.cpp does not compute for this architecture."""
    activation = config.text(key, default=wanted)
    if activation != wanted:
        raise UnsupportedCheckpoint(
            f"This model uses the activation {activation!r}; llama.cpp computes only {wanted!r} for it.",
            "Choose another model.",
        )
