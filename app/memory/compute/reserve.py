"""compute_bytes: the size of the compute buffer for a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.memory.compute.allocator import Graph
from app.memory.compute.backends import Backend
from app.memory.compute.batch import Batch
from app.memory.compute.builder import Builder
from app.memory.compute.places import Places, SizedTensor
from app.memory.compute.split import split_bytes
from app.memory.compute.traits import traits_of
from app.memory.compute.transformer import add_model
from app.memory.compute.weights import ShapedTensor, weights_of_layers, weights_outside
from app.memory.geometry import Geometry
from app.memory.placement import Placement


def compute_bytes(geometry: Geometry, tensors: Iterable[ShapedTensor], batch: Batch) -> int:
    """Bytes that the results of one batch need on one device that computes all of it. `tensors`: of the model, and
    of adapters that are in use."""
    return _graph(geometry, tuple(tensors), batch, None).peak_bytes()


def compute_bytes_by_device(
    geometry: Geometry,
    tensors: Sequence[SizedTensor],
    batch: Batch,
    placement: Placement,
    backends: Sequence[Backend],
) -> list[int]:
    """The same on the processor and on each accelerator, whose `backends` these are."""
    graph = _graph(geometry, tensors, batch, Places(geometry, tensors, placement, batch))
    pipelined = (
        len(backends) > 1
        and placement.all_offloaded
        and not placement.expert_layers_in_memory
        and all(backend.pipelines for backend in backends)
    )
    return split_bytes(graph, backends, pipelined=pipelined)


def _graph(geometry: Geometry, tensors: Sequence[ShapedTensor], batch: Batch, places: Places | None) -> Graph:
    weights = weights_of_layers(tensors, len(geometry.layers))
    traits = traits_of(geometry.architecture)
    layer_norm = traits.layer_norm or any("attn_norm.bias" in each for each in weights)
    build = Builder(geometry, traits, batch, layer_norm=layer_norm, places=places)
    add_model(build, list(zip(geometry.layers, weights, strict=True)), weights_outside(tensors))
    return build.graph
