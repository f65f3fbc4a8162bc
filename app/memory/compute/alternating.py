"""Several streams, of which each layer computes one and predicts the others (AltUp, in Gemma 3n).

Baykal et al., "Alternating Updates for Efficient Transformers", 2023.
"""

from __future__ import annotations

from app.memory.compute.allocator import Tensor, in_place
from app.memory.compute.attention import attention
from app.memory.compute.builder import Builder, combined
from app.memory.compute.layer_inputs import from_layer_input
from app.memory.compute.weights import LayerWeights
from app.memory.geometry import Layer


def spread(build: Builder, embedded: Tensor) -> Tensor:
    """The streams, [embedding, rows, streams], made of the first of them."""
    others = build.geometry.embedding * (build.geometry.streams - 1)
    made = build.new(others, build.new(others, embedded))
    return build.new(build.geometry.embedding + others, embedded, _as_strong_as(build, embedded, made))


def merged(build: Builder, streams: Tensor) -> Tensor:
    """The mean of all streams."""
    embedding = build.geometry.embedding
    others = build.new(embedding * (build.geometry.streams - 1), streams)
    return build.new(embedding, streams, _as_strong_as(build, build.part(streams, embedding), others))


def after_layer(
    build: Builder, streams: Tensor, layer: Layer, weights: LayerWeights, inputs: Tensor, *, is_sparse: bool
) -> Tensor:
    """What `streams` are after one layer; `inputs` are its own embeddings of the tokens."""
    embedding = build.geometry.embedding
    predicted = _predicted(build, streams)
    active = build.part(predicted, embedding)
    normed = build.new(embedding, active)
    stream = combined(attention(build, layer, weights, normed), active)
    low_rank = build.multiplied("laurel_r", weights, build.multiplied("laurel_l", weights, normed))
    stream = combined(stream, combined(low_rank, normed))
    stream = combined(_feed_forward(build, weights, build.normed(stream), is_sparse=is_sparse), stream)
    corrected = _corrected(build, predicted, stream)
    own = from_layer_input(build, weights, build.new(embedding, corrected), inputs)
    others = build.new(embedding * (build.geometry.streams - 1), corrected, own)
    return build.new(embedding * build.geometry.streams, corrected, others)


def _predicted(build: Builder, streams: Tensor) -> Tensor:
    count, embedding = build.geometry.streams, build.geometry.embedding
    routed = build.new(count, build.new(embedding, streams))
    mixed = build.new(count * embedding, build.new(count * embedding, streams), build.new(count**2, routed))
    return build.new(count * embedding, mixed, streams)


def _corrected(build: Builder, predicted: Tensor, stream: Tensor) -> Tensor:
    """All predictions, corrected by how far the one that was computed is off."""
    count, embedding = build.geometry.streams, build.geometry.embedding
    error = build.new(count * embedding, in_place(stream, predicted))
    routed = build.new(count, build.normed(stream))
    shares = build.new(count, build.new(count, routed))
    return in_place(error, shares, predicted)


def _feed_forward(build: Builder, weights: LayerWeights, normed: Tensor, *, is_sparse: bool) -> Tensor:
    """The first layers let only their strongest activations through."""
    up = build.multiplied("ffn_up", weights, normed)
    gate = build.multiplied("ffn_gate", weights, normed)
    if is_sparse:
        mean = build.new(1, gate)
        deviation = build.new(1, in_place(gate, mean))
        gate = in_place(gate, combined(mean, deviation))
    return build.multiplied("ffn_down", weights, combined(up, gate))


def _as_strong_as(build: Builder, pattern: Tensor, streams: Tensor) -> Tensor:
    """`streams`, scaled to the length that `pattern` has."""
    scaled = in_place(streams, build.new(1, in_place(pattern)))
    return in_place(scaled, build.new(build.geometry.streams - 1, in_place(streams)))
