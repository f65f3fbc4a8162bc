"""A gated convolution over the last few tokens (LFM2)."""

from __future__ import annotations

from app.memory.compute.allocator import Tensor
from app.memory.compute.builder import Builder
from app.memory.compute.states import convolution_state, convolution_window
from app.memory.compute.weights import LayerWeights


def short_convolution(build: Builder, weights: LayerWeights, normed: Tensor) -> Tensor:
    """The layer's output for `normed`, [embedding, rows]."""
    state = convolution_state(build)
    projected = build.multiplied("shortconv.in_proj", weights, normed)
    embedding = build.geometry.embedding
    window = convolution_window(build, embedding, state, build.new(embedding, projected))
    gated = build.new(embedding, window, projected)
    return build.multiplied("shortconv.out_proj", weights, gated).view()
