"""The compute graph of a model as llama.cpp builds it, read from which weights its layers have.

Source: `src/llama-graph.cpp` and `src/models/*.cpp` of llama.cpp: what is computed in which order, and how
long each result is kept.
"""

from __future__ import annotations

from app.memory.compute import alternating
from app.memory.compute.allocator import Tensor
from app.memory.compute.attention import attention
from app.memory.compute.block_sparse_attention import block_sparse_attention
from app.memory.compute.builder import Builder, combined
from app.memory.compute.feed_forward import feed_forward, feed_forward_beside_experts
from app.memory.compute.latent_attention import latent_attention
from app.memory.compute.layer_inputs import from_layer_input, layer_inputs
from app.memory.compute.recurrent import recurrence
from app.memory.compute.weights import LayerWeights
from app.memory.geometry import Layer


def add_model(build: Builder, layers: list[tuple[Layer, LayerWeights]], outside: LayerWeights) -> None:
    """From the tokens to the logits, [vocabulary, outputs]. `outside`: weights of no layer."""
    geometry = build.geometry
    embedded = build.product(
        geometry.embedding,
        outside.ranks("token_embd"),
        build.inputs.tokens(),
        outside=build.weight("token_embd", rows=0),
    )
    build.graph.compute(embedded)
    build.graph.compute(build.inputs.embeddings())
    own = layer_inputs(build, embedded) if geometry.layer_embedding else None
    if geometry.streams > 1 and own:
        stream = _through_streams(build, layers, embedded, own)
    else:
        stream = _through_layers(build, layers, embedded, own)
    build.leave_layers()
    if build.traits.picks == "normed":
        stream = build.normed(stream, "output_norm")
    if build.traits.picks in ("kept", "normed"):
        build.graph.keep(stream)
    if build.traits.picks in ("made", "kept", "normed"):
        stream = build.picked(stream)
        build.rows = build.batch.outputs
    ranks = outside.ranks("output") if build.traits.adapts_output else ()
    normed = build.normed(stream, "output_norm")
    build.graph.compute(build.product(geometry.vocabulary, ranks, normed, outside=build.output_matrix()))


def _through_streams(
    build: Builder, layers: list[tuple[Layer, LayerWeights]], embedded: Tensor, own: Tensor
) -> Tensor:
    streams = alternating.spread(build, embedded)
    for index, (layer, weights) in enumerate(layers):
        is_sparse = index < build.geometry.sparse_layers
        build.enter_layer(index)
        streams = alternating.after_layer(build, streams, layer, weights, own, is_sparse=is_sparse)
    return alternating.merged(build, streams)


def _through_layers(
    build: Builder, layers: list[tuple[Layer, LayerWeights]], embedded: Tensor, own: Tensor | None
) -> Tensor:
    deep = build.geometry.deepstack_layers
    stream = embedded
    if deep:
        embedded = build.new(build.geometry.embedding * (1 + deep), embedded)
        stream = build.part(embedded, build.geometry.embedding)
        build.graph.compute(stream)
    for index, (layer, weights) in enumerate(layers, start=1):
        build.enter_layer(index - 1)
        stream = _after_layer(build, stream, layer, weights, is_last=index == len(layers))
        if index <= deep:
            stream = combined(stream, build.part(embedded, build.geometry.embedding))
        if own:
            stream = combined(stream, from_layer_input(build, weights, stream, own))
    return stream


def _after_layer(
    build: Builder, stream: Tensor, layer: Layer, weights: LayerWeights, *, is_last: bool
) -> Tensor:
    """What `stream`, [embedding, rows], is after one layer."""
    traits = build.traits
    normed = build.normed(stream) if "attn_norm" in weights else stream
    mixed = _mixed(build, layer, weights, stream, normed)
    if is_last and traits.picks == "attended":
        mixed, stream, normed = build.picked(mixed), build.picked(stream), build.picked(normed)
        build.rows = build.batch.outputs
    if weights.has_last_norms:
        mixed = build.normed_again(mixed, "post_attention_norm", weights)
    if weights.is_parallel:
        return _parallel_sum(build, feed_forward(build, weights, normed), stream, mixed)
    stream = combined(stream, mixed) if traits.adds_to_stream == "always" else combined(mixed, stream)
    if is_last and traits.picks == "added":
        stream = build.picked(stream)
        build.rows = build.batch.outputs
    if not weights.feed_forward or not (layer.recurrent or layer.kv_heads):
        return stream
    experts = build.geometry.experts
    if experts and "pre_ffw_norm_2" in weights:
        forward = feed_forward_beside_experts(build, experts, weights, stream)
    else:
        forward = feed_forward(build, weights, build.normed(stream) if weights.has_second_norm else stream)
    forward = build.normed_again(forward, "post_ffw_norm", weights)
    return combined(stream, forward) if traits.adds_to_stream else combined(forward, stream)


def _parallel_sum(build: Builder, forward: Tensor, stream: Tensor, mixed: Tensor) -> Tensor:
    """Where attention and the feed-forward layer see the same."""
    match build.traits.sums_first:
        case "forward and stream":
            return combined(combined(forward, stream), mixed)
        case "attention and stream":
            return combined(forward, combined(mixed, stream))
        case "attention and forward":
            return combined(combined(mixed, forward), stream)
        case "forward and attention":
            return combined(combined(forward, mixed), stream)


def _mixed(build: Builder, layer: Layer, weights: LayerWeights, stream: Tensor, normed: Tensor) -> Tensor:
    """What a layer takes from other tokens; of one that only feeds forward, that."""
    if layer.recurrent and layer.has_cache:
        attended = attention(build, layer, weights, normed)
        return combined(attended, recurrence(build, weights, build.normed(stream)))
    if layer.recurrent:
        return recurrence(build, weights, normed)
    if not layer.kv_heads:
        return feed_forward(build, weights, normed)
    indexer = build.geometry.indexer
    if indexer and indexer.block and layer.indexed and build.batch.flash_attention:
        return block_sparse_attention(build, indexer, layer, weights, normed)
    if "attn_norm_2" in weights:
        normed = build.normed(stream)
    attend = latent_attention if "attn_kv_a_mqa" in weights else attention
    return attend(build, layer, weights, normed)
