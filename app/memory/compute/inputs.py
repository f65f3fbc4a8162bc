"""What a graph gets from outside: tokens, positions, masks, places in the cache."""

from __future__ import annotations

from app.memory.compute.allocator import Graph, Tensor
from app.memory.compute.batch import Batch
from app.memory.geometry import Geometry, Layer

F32 = 4
_F16 = 2
I32 = 4
_I64 = 8


class Inputs:
    """Each input is made when it is first asked for, and once."""

    def __init__(self, graph: Graph, geometry: Geometry, batch: Batch) -> None:
        self._graph = graph
        self._geometry = geometry
        self._batch = batch
        self._made: dict[tuple[str, bool], Tensor] = {}
        self._widest_values = max((layer.values for layer in geometry.layers), default=0)
        self._windowed = any(layer.windowed for layer in geometry.layers)

    def tokens(self) -> Tensor:
        return self._input("tokens", self._batch.tokens * I32)

    def embeddings(self) -> Tensor:
        """Reserved for embeddings that are given instead of tokens, though none ever are."""
        return self._input("embeddings", self._batch.tokens * self._geometry.embedding * F32)

    def positions(self) -> Tensor:
        return self._input("positions", self._batch.tokens * I32)

    def outputs(self) -> Tensor:
        return self._input("outputs", self._batch.outputs * I32)

    def attention_scale(self) -> Tensor:
        return self._input("attention scale", self._batch.tokens * F32)

    def mask(self, layer: Layer) -> Tensor:
        cells = self._batch.window_cells if layer.windowed else self._batch.cells
        number = _F16 if self._batch.flash_attention else F32
        return self._input("mask", cells * self._batch.tokens * number, layer.windowed)

    def key_places(self, layer: Layer) -> Tensor:
        return self._input("key places", self._batch.tokens * _I64, layer.windowed)

    def value_places(self, layer: Layer) -> Tensor:
        """Without flash attention the cache is transposed, and each number has a place of its own."""
        each = 1 if self._batch.flash_attention else self._widest_values
        return self._input("value places", self._batch.tokens * each * _I64, layer.windowed)

    def key_rotation(self, layer: Layer) -> Tensor | None:
        """The Hadamard matrix that keys are turned by before they are quantized, as large as fits."""
        lengths = {each.key_length for each in self._cached(layer)}
        if self._batch.kv_type == "f16" or len(lengths) != 1 or layer.key_length % 64:
            return None
        side = 64
        while layer.key_length % (2 * side) == 0:
            side *= 2
        return self._input("key rotation", side * side * F32, layer.windowed)

    def value_rotation(self, layer: Layer) -> Tensor | None:
        lengths = {each.value_length for each in self._cached(layer)}
        if (
            self._geometry.latent
            or self._batch.kv_type == "f16"
            or len(lengths) != 1
            or layer.value_length % 64
        ):
            return None
        return self._input("value rotation", 64 * 64 * F32, layer.windowed)

    def _cached(self, layer: Layer) -> list[Layer]:
        """The layers whose cache is the same as `layer`'s."""
        return [each for each in self._geometry.layers if each.has_cache and each.windowed == layer.windowed]

    def _input(self, name: str, size: int, windowed: bool = False) -> Tensor:
        key = (name, windowed)
        if key not in self._made:
            self._made[key] = self._graph.input(size)
        return self._made[key]
