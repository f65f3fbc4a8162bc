"""compute_bytes: the size of the compute buffer for a batch."""

from __future__ import annotations

from collections.abc import Iterable

from app.memory.compute.batch import Batch
from app.memory.compute.traits import traits_of
from app.memory.compute.transformer import Transformer
from app.memory.compute.weights import ShapedTensor, weights_of_layers
from app.memory.geometry import Geometry


def compute_bytes(geometry: Geometry, tensors: Iterable[ShapedTensor], batch: Batch) -> int:
    """Bytes that the results of one batch need on one device that computes all of it."""
    weights = weights_of_layers(tensors, len(geometry.layers))
    layers = list(zip(geometry.layers, weights, strict=True))
    transformer = Transformer(geometry, traits_of(geometry.architecture), batch)
    stream = transformer.begin()
    for index, (layer, of_layer) in enumerate(layers, start=1):
        stream = transformer.layer(stream, layer, of_layer, is_last=index == len(layers))
    transformer.end(stream)
    return transformer.graph.peak_bytes()
