"""read_geometry: a model's dimensions from its metadata."""

from __future__ import annotations

from collections.abc import Mapping

from app.gguf.header import MetadataValue
from app.memory.geometry.keys import Keys
from app.memory.geometry.layers import read_layers, window
from app.memory.geometry.model import MOST_LAYERS, Experts, Geometry, Indexer, StateSpace

_NOT_KNOWN_HERE = {
    "compressed caches of several kinds in one layer": ("deepseek4", "dots3note"),
    "recurrent layers of another kind": (
        *("kimi-k3", "kimi-linear", "minimax-01", "plamo2", "bailingmoe3", "glm5-next", "qwen4exp"),
        *("rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"),
    ),
    "an indexer of another kind": ("hy-v4",),
    "no cache, or one of an encoder": (
        *("bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "neo-bert", "modern-bert"),
        *("eurobert", "gemma-embedding", "t5", "t5encoder", "wavtokenizer-dec"),
        *("dream", "llada", "llada-moe", "rnd1"),
    ),
    "a part of another model": ("eagle3", "dflash", "gemma4-assistant"),
}
"""Architectures whose cache or graph is not laid out here, by reason."""

_WITHOUT_GEOMETRY = frozenset(name for names in _NOT_KNOWN_HERE.values() for name in names)

_PLACED_IN_IMAGES = frozenset({"qwen2vl", "qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe", "paddleocr"})
"""Positions are numbers of a frame, a row and a column (M-RoPE)."""

_MAYBE_PLACED_IN_IMAGES = frozenset({"glm4", "glm4moe", "hunyuan-vl"})
"""So they are where the header divides RoPE into sections."""

_SPARSE_LAYERS = {"gemma3n": 10}

_SHARES_KEPT = frozenset({"llama4", "qwen2moe", "olmoe", "gpt-oss", "jamba", "deepseek"})
"""The shares of the chosen experts are not brought to a sum of 1."""

_SHARES_TOLD = frozenset(
    {
        *("afmoe", "bailingmoe", "bailingmoe2", "cohere2moe", "deepseek2", "deepseek32", "dots1"),
        *("exaone-moe", "glm-dsa", "glm4moe", "hy-v3", "minimax-m3", "nemotron_h_moe", "step35"),
    }
)
"""Whether they are is for the header to say."""

_SOFTMAX_OF_CHOSEN = 3
"""The value of "expert_gating_func" for which shares are a softmax over the chosen experts."""


def read_geometry(metadata: Mapping[str, MetadataValue], vocabulary: int | None) -> Geometry | None:
    """The geometry that a GGUF header tells; None where a number without which nothing can be counted
    is missing or impossible, or the architecture's cache or graph is not known here.
    """
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str) or architecture in _WITHOUT_GEOMETRY:
        return None
    keys = Keys(architecture, metadata)
    count = keys.number("block_count")
    embedding = keys.number("embedding_length")
    vocabulary = vocabulary or keys.number("vocab_size")
    if not 0 < count <= MOST_LAYERS or not embedding or not vocabulary:
        return None
    further = keys.number("nextn_predict_layers")
    running = count - further if further < count else count
    layers = read_layers(keys, running, count)
    if layers is None:
        return None
    return Geometry(
        architecture=architecture,
        layers=layers,
        embedding=embedding,
        vocabulary=vocabulary,
        context_length=keys.number("context_length"),
        positions=_positions(keys),
        deepstack_layers=min(keys.number("n_deepstack_layers"), running),
        layer_embedding=keys.number("embedding_length_per_layer_input"),
        streams=keys.number("altup.num_inputs") or 1,
        sparse_layers=_SPARSE_LAYERS.get(architecture, 0),
        window=window(keys, running) if any(layer.windowed for layer in layers) else 0,
        latent=_is_latent(keys),
        indexer=_indexer(keys),
        experts=_experts(keys),
        state_space=_state_space(keys, embedding),
    )


def _positions(keys: Keys) -> int:
    sections = keys.per_layer("rope.dimension_sections", 2) or (0, 0)
    divided = keys.architecture in _MAYBE_PLACED_IN_IMAGES and all(sections)
    return 4 if divided or keys.architecture in _PLACED_IN_IMAGES else 1


def _is_latent(keys: Keys) -> bool:
    return bool(keys.number("attention.key_length_mla") and keys.number("attention.value_length_mla"))


def _indexer(keys: Keys) -> Indexer | None:
    if not (key_length := keys.number("attention.indexer.key_length")):
        return None
    return Indexer(
        heads=keys.number("attention.indexer.head_count"),
        key_length=key_length,
        value_length=0 if _is_latent(keys) else keys.number("attention.value_length"),
        chosen=keys.number("attention.indexer.top_k"),
        block=keys.number("attention.indexer.block_size"),
    )


def _experts(keys: Keys) -> Experts | None:
    count, used = keys.number("expert_count"), keys.number("expert_used_count")
    if not 0 < used <= count:
        return None
    groups, groups_used = keys.number("expert_group_count"), keys.number("expert_group_used_count")
    grouped = groups > 1 and count % groups == 0 and 0 < groups_used < groups
    softmax = keys.architecture == "gpt-oss" or keys.number("expert_gating_func") == _SOFTMAX_OF_CHOSEN
    normalized = keys.architecture not in _SHARES_KEPT
    if keys.architecture in _SHARES_TOLD:
        normalized = bool(keys.value("expert_weights_norm"))
    return Experts(
        count=count,
        used=used,
        groups=groups if grouped else 1,
        groups_used=groups_used if grouped else 1,
        softmax=softmax,
        normalized=normalized,
        scaled=keys.value("expert_weights_scale") not in (None, 0, 1),
    )


def _state_space(keys: Keys, embedding: int) -> StateSpace | None:
    if cache := keys.number("shortconv.l_cache"):
        return StateSpace(embedding * (cache - 1), 0)
    inner, state = keys.number("ssm.inner_size"), keys.number("ssm.state_size")
    if not inner:
        return None
    before = max(keys.number("ssm.conv_kernel") - 1, 0)
    return StateSpace(before * (inner + 2 * keys.number("ssm.group_count") * state), state * inner)
