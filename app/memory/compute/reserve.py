"""compute_bytes: the size of the compute buffer for a batch."""

from __future__ import annotations

from collections.abc import Iterable

from app.memory.compute.batch import Batch
from app.memory.compute.builder import Builder
from app.memory.compute.traits import traits_of
from app.memory.compute.transformer import add_model
from app.memory.compute.weights import ShapedTensor, weights_of_layers
from app.memory.geometry import Geometry


def compute_bytes(geometry: Geometry, tensors: Iterable[ShapedTensor], batch: Batch) -> int:
    """Bytes that the results of one batch need on one device that computes all of it."""
    weights = weights_of_layers(tensors, len(geometry.layers))
    traits = traits_of(geometry.architecture)
    layer_norm = traits.layer_norm or any("attn_norm.bias" in each for each in weights)
    build = Builder(geometry, traits, batch, layer_norm=layer_norm)
    add_model(build, list(zip(geometry.layers, weights, strict=True)))
    return build.graph.peak_bytes()
