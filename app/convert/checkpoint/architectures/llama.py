"""Llama 1 and 2 and what was built like them: grouped-query attention, RoPE, RMS norm, SwiGLU.

Keys and defaults of config.json: `LlamaConfig` of Transformers. Keys of GGUF: docs/gguf.md of ggml.
"""

from __future__ import annotations

from collections.abc import Iterator

from app.convert.checkpoint.config import Config, damaged
from app.convert.checkpoint.plan import MetadataValue, ModelPlan, PlannedTensor
from app.core.errors import UnsupportedCheckpoint

MOST_LAYERS = 512
"""As llama.cpp has it (LLAMA_MAX_LAYERS)."""
MOST_TOKENS = 1 << 20
"""Four times the largest vocabulary so far."""
_MOST_DIMENSIONS = 1 << 17
_MOST_HEADS = 1 << 10
_MOST_HEAD_LENGTH = 512
"""Each at least twice the largest so far; together they bound what is in memory at once, a head of F32 rows."""


def plan_llama(config: Config) -> ModelPlan:
    """Raises DamagedCheckpoint, and UnsupportedCheckpoint for a variant llama.cpp's "llama" does not compute."""
    hidden = config.count("hidden_size", _MOST_DIMENSIONS)
    heads = config.count("num_attention_heads", _MOST_HEADS)
    kv_heads = config.count("num_key_value_heads", _MOST_HEADS, default=heads)
    if not config.has("head_dim") and hidden % heads:
        raise damaged("config.json", f"{heads} heads cannot share {hidden} dimensions")
    head_length = config.count("head_dim", _MOST_HEAD_LENGTH, default=hidden // heads or None)
    if heads % kv_heads or head_length % 2:
        raise damaged(
            "config.json", f"{heads} heads of {head_length} cannot share {kv_heads} key-value heads"
        )
    activation = config.text("hidden_act", default="silu")
    if activation != "silu":
        raise UnsupportedCheckpoint(
            f"This Llama uses the activation {activation!r}; llama.cpp computes only 'silu' for it.",
            "Choose another model.",
        )
    layers = config.count("num_hidden_layers", MOST_LAYERS)
    feed_forward = config.count("intermediate_size", _MOST_DIMENSIONS)
    vocabulary_size = config.count("vocab_size", MOST_TOKENS)
    metadata: dict[str, MetadataValue] = {
        "block_count": layers,
        "context_length": config.count("max_position_embeddings", 1 << 31, default=2048),
        "embedding_length": hidden,
        "feed_forward_length": feed_forward,
        "attention.head_count": heads,
        "attention.head_count_kv": kv_heads,
        "attention.key_length": head_length,
        "attention.value_length": head_length,
        "attention.layer_norm_rms_epsilon": config.number("rms_norm_eps", default=1e-6),
        "vocab_size": vocabulary_size,
        "rope.dimension_count": head_length,
        **_rope(config),
    }
    tied = config.flag("tie_word_embeddings", default=False)
    tensors = [PlannedTensor("model.embed_tokens.weight", (vocabulary_size, hidden))]
    for layer in range(layers):
        tensors += _layer(f"model.layers.{layer}", config, hidden, heads, kv_heads, head_length, feed_forward)
    tensors.append(PlannedTensor("model.norm.weight", (hidden,)))
    if not tied:
        tensors.append(PlannedTensor("lm_head.weight", (vocabulary_size, hidden)))
    return ModelPlan(
        architecture="llama",
        layers=layers,
        vocabulary_size=vocabulary_size,
        metadata=metadata,
        tensors=tuple(tensors),
        # The frequencies follow from rope_theta; a tied output that is stored as well is the embedding.
        unused=("*.rotary_emb.inv_freq", *(("lm_head.weight",) if tied else ())),
    )


def _rope(config: Config) -> dict[str, MetadataValue]:
    # Transformers 5 has everything in rope_parameters; before, rope_scaling and rope_theta apart.
    parameters = config.table("rope_parameters" if config.has("rope_parameters") else "rope_scaling")
    base = parameters.number("rope_theta", default=config.number("rope_theta", default=10_000.0))
    kind = parameters.text("rope_type", default=parameters.text("type", default="default"))
    metadata: dict[str, MetadataValue] = {"rope.freq_base": base}
    if kind == "linear":
        metadata |= {"rope.scaling.type": "linear", "rope.scaling.factor": parameters.number("factor")}
    elif kind != "default":
        raise UnsupportedCheckpoint(
            f"This Llama stretches its context by {kind!r} RoPE, which Nibble does not convert yet.",
            "Download a GGUF file of this model instead.",
        )
    return metadata


def _layer(
    prefix: str, config: Config, hidden: int, heads: int, kv_heads: int, head_length: int, feed_forward: int
) -> Iterator[PlannedTensor]:
    yield PlannedTensor(f"{prefix}.input_layernorm.weight", (hidden,))
    attention = (
        ("q_proj", heads * head_length, hidden, head_length),
        ("k_proj", kv_heads * head_length, hidden, head_length),
        ("v_proj", kv_heads * head_length, hidden, 0),
        ("o_proj", hidden, heads * head_length, 0),
    )
    with_bias = config.flag("attention_bias", default=False)
    for name, rows, columns, rope_rows in attention:
        yield PlannedTensor(f"{prefix}.self_attn.{name}.weight", (rows, columns), rope_rows)
        if with_bias:
            yield PlannedTensor(f"{prefix}.self_attn.{name}.bias", (rows,), rope_rows)
    yield PlannedTensor(f"{prefix}.post_attention_layernorm.weight", (hidden,))
    with_bias = config.flag("mlp_bias", default=False)
    for name, rows, columns in (
        ("gate_proj", feed_forward, hidden),
        ("up_proj", feed_forward, hidden),
        ("down_proj", hidden, feed_forward),
    ):
        yield PlannedTensor(f"{prefix}.mlp.{name}.weight", (rows, columns))
        if with_bias:
            yield PlannedTensor(f"{prefix}.mlp.{name}.bias", (rows,))
