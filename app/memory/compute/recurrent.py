"""Layers with a recurrent state: state spaces, linear attention, short convolutions."""

from __future__ import annotations

from app.memory.compute.allocator import Graph, Tensor
from app.memory.compute.inputs import F32
from app.memory.compute.weights import LayerWeights
from app.memory.geometry import Geometry


def recurrent_mix(
    graph: Graph, geometry: Geometry, weights: LayerWeights, normed: Tensor, rows: int
) -> Tensor:
    """The layer's output for `normed`, [embedding, rows]."""
    wide = max(weights.rows("ssm_in"), 3 * geometry.embedding)
    projected = graph.result(wide * rows * F32, normed)
    mixed = graph.result(wide * rows * F32, projected)
    return graph.result(geometry.embedding * rows * F32, mixed)
