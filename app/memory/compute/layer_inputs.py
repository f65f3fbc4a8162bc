"""Embeddings that each layer has of its own (Gemma 3n and 4)."""

from __future__ import annotations

from app.memory.compute.allocator import Tensor, in_place
from app.memory.compute.builder import Builder
from app.memory.compute.weights import LayerWeights


def layer_inputs(build: Builder, embedded: Tensor) -> Tensor:
    """Those of all layers, partly looked up by token and partly made of what goes into the first layer."""
    length = build.geometry.layer_embedding * len(build.geometry.layers)
    looked_up = build.new(length, build.new(length, build.inputs.tokens_again()))
    build.graph.compute(looked_up)
    made = build.new(length, embedded)
    return build.new(length, build.new(length, made, looked_up))


def from_layer_input(build: Builder, weights: LayerWeights, stream: Tensor, inputs: Tensor) -> Tensor:
    """What a layer adds to `stream` because of its own embedding of each token."""
    gate = build.multiplied("inp_gate", weights, stream)
    return build.multiplied("proj", weights, in_place(gate, inputs))
