"""Which cached tokens a sparse layer attends to (DeepSeek-AI, "DeepSeek-V3.2", 2025: lightning indexer)."""

from __future__ import annotations

from app.memory.compute.allocator import Tensor, in_place, result
from app.memory.compute.builder import Builder
from app.memory.compute.inputs import F32
from app.memory.compute.weights import LayerWeights
from app.memory.geometry import Indexer, Layer


def chosen_tokens(
    build: Builder, indexer: Indexer, weights: LayerWeights, normed: Tensor, compressed_query: Tensor
) -> Tensor:
    """The tokens with the best scores, [chosen, rows]; keys of the batch are stored for later ones."""
    positions, rotation = build.inputs.positions(), build.inputs.index_rotation(indexer)
    key = build.new(indexer.key_length, build.multiplied("indexer.attn_k", weights, normed))
    key = build.new(indexer.key_length, rotation, build.new(indexer.key_length, key, positions))
    build.store(key, build.inputs.index_key_places())
    length = weights.rows("indexer.attn_q_b")
    query = build.multiplied("indexer.attn_q_b", weights, compressed_query)
    query = build.new(length, rotation, build.new(length, query, positions))
    shares = build.new(weights.rows("indexer.proj"), build.multiplied("indexer.proj", weights, normed))
    scores = build.new(build.batch.cells, query, shares, build.inputs.index_mask())
    count = min(indexer.chosen, build.batch.cells)
    return build.new(count, build.new(count, scores))


def mask_of_chosen(build: Builder, indexer: Indexer, layer: Layer, chosen: Tensor) -> Tensor:
    """The attention mask with all tokens wiped out but `chosen`. What is written there is an input
    of each layer that nothing is ever put into."""
    mask = build.inputs.mask(layer)
    count = min(indexer.chosen, build.batch.cells)
    nothing = in_place(Tensor(count * build.rows * F32, given=True))
    wiped = in_place(mask)
    return result(mask.size, result(0, nothing, chosen, wiped), wiped, mask, reuses=(mask,))
