"""Builder: what all parts of a model's graph are built with.

What is written in the place of its only operand, right after that, needs nothing of its own: biases, scales,
activations and the norms of results are not in these graphs.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.memory.compute.allocator import Graph, Outside, Tensor, in_place, result
from app.memory.compute.batch import Batch
from app.memory.compute.inputs import F32, Inputs
from app.memory.compute.places import Places
from app.memory.compute.traits import Traits
from app.memory.compute.weights import LayerWeights
from app.memory.geometry import Geometry, Layer


class Builder:
    """The graph so far. Results are [length, rows] of F32; `rows` are the tokens of the batch, in the end only
    those whose logits are wanted. `chosen_tokens`: what an indexer found last, which layers may share. `places`:
    where weights and caches are, if not all on one device."""

    def __init__(
        self,
        geometry: Geometry,
        traits: Traits,
        batch: Batch,
        *,
        layer_norm: bool,
        places: Places | None = None,
    ) -> None:
        self.graph = Graph()
        self.geometry = geometry
        self.traits = traits
        self._layer_norm = layer_norm
        self.batch = batch
        self.inputs = Inputs(geometry, batch)
        self.rows = batch.tokens
        self.chosen_tokens: Tensor | None = None
        self.places = places

    def new(self, length: int, *sources: Tensor) -> Tensor:
        return result(length * self.rows * F32, *sources)

    def part(self, tensor: Tensor, length: int) -> Tensor:
        """A view of [length, rows]."""
        return tensor.view(length * self.rows * F32)

    def multiplied(self, name: str, weights: LayerWeights, *sources: Tensor, times: int = 1) -> Tensor:
        """The first of `sources` by the weight, or by `times` experts of it that the second one chooses."""
        ranks = [rank * times for rank in weights.ranks(name)]
        whole = self.product(weights.rows(name) * times, ranks, *sources, outside=self.weight(name))
        return self.changed(whole, f"{name}.bias", weights)

    def product(
        self, length: int, ranks: Sequence[int], *sources: Tensor, outside: tuple[Outside, ...] = ()
    ) -> Tensor:
        """By a matrix, and by those of its adapters, two of a low rank each."""
        whole = made_of(outside, self.new(length, *sources))
        for rank in ranks:
            whole = combined(whole, self.new(length, self.new(rank, *sources), *sources[1:]))
        return whole

    def normed(self, tensor: Tensor, name: str = "attn_norm") -> Tensor:
        """Layer normalization, unlike that by the root mean square, is never written over its operand."""
        normed = result(tensor.size, tensor) if self._layer_norm else in_place(tensor)
        return self.places.scaled(normed, self.weight(name)) if self.places else normed

    def changed(self, tensor: Tensor, name: str, weights: LayerWeights) -> Tensor:
        """By a bias or scale of that name, which matters only where it may be on another device."""
        if self.places is None or name not in weights:
            return tensor
        return made_of(self.weight(name), in_place(tensor))

    def normed_again(self, tensor: Tensor, name: str, weights: LayerWeights) -> Tensor:
        """A result by a norm of that name: likewise."""
        return self.normed(tensor, name) if self.places and name in weights else tensor

    def weight(self, name: str, rows: int | None = None) -> tuple[Outside, ...]:
        """What `made_of` is to be told of a weight by which `rows` are multiplied, all unless it is said."""
        if self.places is None:
            return ()
        return (self.places.weight(name, self.rows if rows is None else rows),)

    def enter_layer(self, index: int) -> None:
        if self.places:
            self.places.enter_layer(index)

    def leave_layers(self) -> None:
        if self.places:
            self.places.leave_layers()

    def output_matrix(self) -> tuple[Outside, ...]:
        return (self.places.output(self.rows),) if self.places else ()

    def caches(self, layer: Layer) -> tuple[Outside, ...]:
        """Likewise of keys and values."""
        return self.places.caches(layer, self.inputs.cells(layer)) if self.places else ()

    def store(self, *sources: Tensor) -> None:
        """Writes into memory outside of the graph, such as the KV cache."""
        stored = result(0, *sources)
        if self.places:
            stored.device = self.places.device
        self.graph.compute(stored)

    def picked(self, tensor: Tensor) -> Tensor:
        """Of [embedding, tokens] the rows whose logits are wanted."""
        size = self.geometry.embedding * self.batch.outputs * F32
        return result(size, tensor, self.inputs.outputs())


def made_of(outside: tuple[Outside, ...], tensor: Tensor) -> Tensor:
    tensor.outside = outside
    return tensor


def combined(left: Tensor, right: Tensor) -> Tensor:
    """The sum or product of two results of one shape, in the place of one of them if nothing else reads it."""
    return result(left.size, left, right, reuses=(left, right))
