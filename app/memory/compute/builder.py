"""Builder: what all parts of a model's graph are built with.

What is written in the place of its only operand, right after that, needs nothing of its own: biases, scales,
activations and the norms of results are not in these graphs.
"""

from __future__ import annotations

from app.memory.compute.allocator import Graph, Tensor, in_place, result
from app.memory.compute.batch import Batch
from app.memory.compute.inputs import F32, Inputs
from app.memory.compute.traits import Traits
from app.memory.compute.weights import LayerWeights
from app.memory.geometry import Geometry


class Builder:
    """The graph so far. Results are [length, rows] of F32; `rows` are the tokens of the batch, in the end only
    those whose logits are wanted. `chosen_tokens`: what an indexer found last, which layers may share."""

    def __init__(self, geometry: Geometry, traits: Traits, batch: Batch, *, layer_norm: bool) -> None:
        self.graph = Graph()
        self.geometry = geometry
        self.traits = traits
        self._layer_norm = layer_norm
        self.batch = batch
        self.inputs = Inputs(geometry, batch)
        self.rows = batch.tokens
        self.chosen_tokens: Tensor | None = None

    def new(self, length: int, *sources: Tensor) -> Tensor:
        return result(length * self.rows * F32, *sources)

    def part(self, tensor: Tensor, length: int) -> Tensor:
        """A view of [length, rows]."""
        return tensor.view(length * self.rows * F32)

    def multiplied(self, name: str, weights: LayerWeights, source: Tensor) -> Tensor:
        return self.new(weights.rows(name), source)

    def normed(self, tensor: Tensor) -> Tensor:
        """Layer normalization, unlike that by the root mean square, is never written over its operand."""
        return result(tensor.size, tensor) if self._layer_norm else in_place(tensor)

    def store(self, *sources: Tensor) -> None:
        """Writes into memory outside of the graph, such as the KV cache."""
        self.graph.compute(result(0, *sources))

    def picked(self, tensor: Tensor) -> Tensor:
        """Of [embedding, tokens] the rows whose logits are wanted."""
        size = self.geometry.embedding * self.batch.outputs * F32
        return result(size, tensor, self.inputs.outputs())


def combined(left: Tensor, right: Tensor) -> Tensor:
    """The sum or product of two results of one shape, in the place of one of them if nothing else reads it."""
    return result(left.size, left, right, reuses=(left, right))
