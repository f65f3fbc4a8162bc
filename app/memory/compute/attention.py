"""Attention over the KV cache."""

from __future__ import annotations

from app.memory.compute.allocator import Outside, Tensor, in_place
from app.memory.compute.builder import Builder, combined, made_of
from app.memory.compute.weights import LayerWeights
from app.memory.geometry import Layer


def attention(build: Builder, layer: Layer, weights: LayerWeights, normed: Tensor) -> Tensor:
    """The layer's output for `normed`, [embedding, rows]."""
    projected, query = queries(build, layer, weights, normed)
    build.graph.compute(query)
    if layer.has_cache:
        key, value = keys_and_values(build, layer, weights, normed, projected)
        # Models with windows compute keys first.
        store_tokens(build, layer, key, value, keys_first=build.inputs.windowed)
    sinks = build.weight("attn_sinks") if "attn_sinks" in weights else ()
    attended = weighted_sum(build, layer, query, sinks)
    length = layer.heads * layer.key_length
    if weights.rows("attn_q") == 2 * length:  # its other half is a gate
        gate = build.new(length, projected)
        attended = combined(attended.view() if build.batch.flash_attention else attended, gate)
    return build.multiplied("attn_output", weights, attended)


def queries(build: Builder, layer: Layer, weights: LayerWeights, normed: Tensor) -> tuple[Tensor, Tensor]:
    """What they are made of, and they by heads."""
    projected = build.multiplied("attn_qkv" if "attn_qkv" in weights else "attn_q", weights, normed)
    length = layer.heads * layer.key_length
    scales = [build.inputs.attention_scale()] if layer.scaled else []
    query = _by_heads(build, "attn_q_norm", layer, weights, projected, length, scales)
    return projected, turned_query(build, layer, query)


def keys_and_values(
    build: Builder, layer: Layer, weights: LayerWeights, normed: Tensor, projected: Tensor
) -> tuple[Tensor, Tensor]:
    """Both by heads. `projected`: what queries are made of, and they too if all are in one matrix."""
    fused = "attn_qkv" in weights
    source = projected if fused else build.multiplied("attn_k", weights, normed)
    key = _by_heads(build, "attn_k_norm", layer, weights, source, layer.keys, [])
    separate = not fused and "attn_v" in weights
    value = build.multiplied("attn_v", weights, normed) if separate else source.view()
    return key, build.new(layer.values, value) if build.traits.norms_values else value


def store_tokens(build: Builder, layer: Layer, key: Tensor, value: Tensor, *, keys_first: bool) -> None:
    """Into the cache, turned before it quantizes them. A part of something larger is copied to be turned, and
    to be stored without flash attention, which also makes all values as long as the longest."""
    key = _turned(build, key, layer.keys, build.inputs.key_rotation(layer))
    if rotation := build.inputs.value_rotation(layer):
        value = build.new(layer.values, value) if value.view_of else value
        value = _turned(build, value, layer.values, rotation)
    for each in (key, value) if keys_first else (value, key):
        build.graph.compute(each)
    build.store(key, build.inputs.key_places(layer))
    longest = build.inputs.longest_values
    if not build.batch.flash_attention and (value.view_of or layer.values < longest):
        value = build.new(longest, value)
    build.store(value, build.inputs.value_places(layer))


def weighted_sum(build: Builder, layer: Layer, query: Tensor, sinks: tuple[Outside, ...] = ()) -> Tensor:
    """The values of all cached tokens, weighted by how well their keys fit the queries."""
    mask, caches = build.inputs.mask(layer), build.caches(layer)
    length = layer.heads * layer.value_length
    if build.batch.flash_attention:
        attended = made_of(caches, build.new(length, query, mask))
    else:
        scores = made_of(caches[:1], build.new(build.inputs.cells(layer) * layer.heads, query))
        shares = made_of(sinks, in_place(scores, mask))
        attended = build.new(length, made_of(caches[1:], build.new(length, shares)))
    build.graph.compute(attended)
    return turned_back(build, layer, attended)


def turned_back(build: Builder, layer: Layer, attended: Tensor) -> Tensor:
    """What values were turned by, undone in their sum."""
    length = layer.heads * layer.value_length
    return _turned(build, attended, length, build.inputs.value_rotation(layer))


def turned_query(build: Builder, layer: Layer, query: Tensor) -> Tensor:
    """As keys are turned."""
    return _turned(build, query, layer.heads * layer.key_length, build.inputs.key_rotation(layer))


def _by_heads(
    build: Builder,
    norm: str,
    layer: Layer,
    weights: LayerWeights,
    projected: Tensor,
    length: int,
    scales: list[Tensor],
) -> Tensor:
    """Queries or keys: normed, with their positions, scaled. A norm longer than a head is one over all heads,
    done before they are told apart."""
    others = [build.inputs.positions(), *scales] if layer.rotated else scales
    is_of_heads = 0 < weights.length(norm) <= layer.key_length
    if build.places is None:
        return build.new(length, projected, *others) if others or is_of_heads else projected
    factors = build.places.rotation_factors() if layer.rotated else ()
    if not is_of_heads:
        projected = build.normed_again(projected, norm, weights)
        return made_of(factors, build.new(length, projected, *others)) if others else projected
    normed = build.normed_again(build.new(length, projected), norm, weights)
    return made_of(factors, in_place(normed, *others)) if others else normed


def _turned(build: Builder, heads: Tensor, length: int, rotation: Tensor | None) -> Tensor:
    return build.new(length, rotation, heads) if rotation else heads
