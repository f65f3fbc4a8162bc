"""Multi-head latent attention (DeepSeek-AI, "DeepSeek-V2", 2024)."""

from __future__ import annotations

from app.memory.compute.allocator import Tensor, in_place, result
from app.memory.compute.attention import store_tokens, turned_query, weighted_sum
from app.memory.compute.builder import Builder, made_of
from app.memory.compute.indexer import chosen_tokens, mask_of_chosen
from app.memory.compute.inputs import F16
from app.memory.compute.weights import LayerWeights
from app.memory.geometry import Layer


def latent_attention(build: Builder, layer: Layer, weights: LayerWeights, normed: Tensor) -> Tensor:
    """The layer's output for `normed`, [embedding, rows]."""
    compressed_query = build.multiplied("attn_q_a", weights, normed) if "attn_q_a" in weights else None
    indexer = build.geometry.indexer
    if indexer and layer.indexed and compressed_query:
        build.chosen_tokens = chosen_tokens(build, indexer, weights, normed, compressed_query)
    if compressed_query:
        query = build.multiplied("attn_q_b", weights, compressed_query)
    else:
        query = build.multiplied("attn_q", weights, normed)
    compressed = build.multiplied("attn_kv_a_mqa", weights, normed)
    attend = _compressed if build.geometry.latent else _expanded
    return build.multiplied("attn_output", weights, attend(build, layer, weights, query, compressed))


def _compressed(
    build: Builder, layer: Layer, weights: LayerWeights, query: Tensor, compressed: Tensor
) -> Tensor:
    """One compressed row for each token is key and value; queries are multiplied by what would expand it."""
    latent = weights.length("attn_kv_a_norm")
    rotated = weights.rows("attn_kv_a_mqa") - latent
    positions = build.inputs.positions()
    absorbed = made_of(build.weight("attn_k_b"), build.new(latent * layer.heads, query))
    positioned = build.new(rotated * layer.heads, query, positions)
    query = build.new((latent + rotated) * layer.heads, absorbed, positioned)
    if layer.scaled:
        query = in_place(query, build.inputs.attention_scale())
    value = build.new(latent, compressed)
    key = build.new(latent + rotated, value, build.new(rotated, compressed, positions))
    for each in (query, value, key):
        build.graph.compute(each)
    build.store(key, build.inputs.key_places(layer))
    mask = build.inputs.mask(layer)
    if build.geometry.indexer and build.chosen_tokens:
        mask = mask_of_chosen(build, build.geometry.indexer, layer, build.chosen_tokens)
    attended = _weighted_sum(build, layer, query, mask, latent)
    length = weights.length("attn_output")
    expanded = build.new(length, made_of(build.weight("attn_v_b"), build.new(length, attended)))
    build.graph.compute(expanded)
    return expanded


def _weighted_sum(build: Builder, layer: Layer, query: Tensor, mask: Tensor, latent: int) -> Tensor:
    batch, caches = build.batch, build.caches(layer)
    if batch.flash_attention:
        return made_of(caches, build.new(latent * layer.heads, query, mask))
    transposed = made_of(caches[1:], result(batch.cells * batch.sequences * latent * F16))
    scores = in_place(made_of(caches[:1], build.new(batch.cells * layer.heads, query)), mask)
    return build.new(latent * layer.heads, transposed, scores)


def _expanded(
    build: Builder, layer: Layer, weights: LayerWeights, query: Tensor, compressed: Tensor
) -> Tensor:
    """Keys and values of all heads are cached: files from before llama.cpp could do otherwise."""
    latent = weights.length("attn_kv_a_norm")
    rotated = weights.rows("attn_kv_a_mqa") - latent
    positions = build.inputs.positions()
    query = build.new(layer.heads * layer.key_length, query, positions)
    if layer.scaled:
        query = in_place(query, build.inputs.attention_scale())
    query = turned_query(build, layer, query)
    both = build.multiplied("attn_kv_b", weights, build.new(latent, compressed))
    repeated = build.new(rotated * layer.kv_heads, build.new(rotated, compressed, positions))
    build.graph.compute(query)
    value = build.new(layer.values, both)
    store_tokens(build, layer, build.new(layer.keys, both, repeated), value, keys_first=False)
    return weighted_sum(build, layer, query)
