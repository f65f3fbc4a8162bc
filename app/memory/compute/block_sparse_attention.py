"""Attention to the blocks of tokens that an indexer finds best for each group of heads (MiniMax-M3)."""

from __future__ import annotations

from app.memory.compute.allocator import Tensor, result
from app.memory.compute.attention import keys_and_values, queries, store_tokens, turned_back
from app.memory.compute.builder import Builder
from app.memory.compute.inputs import F16, F32, I32
from app.memory.compute.weights import LayerWeights
from app.memory.geometry import Indexer, Layer


def block_sparse_attention(
    build: Builder, indexer: Indexer, layer: Layer, weights: LayerWeights, normed: Tensor
) -> Tensor:
    """The layer's output for `normed`, [embedding, rows]."""
    positions = build.inputs.positions()
    index_key = build.multiplied("indexer.k_proj", weights, normed)
    build.store(build.new(indexer.key_length, index_key, positions), build.inputs.index_key_places())
    projected, query = queries(build, layer, weights, normed)
    build.graph.compute(query)
    key, value = keys_and_values(build, layer, weights, normed, projected)
    store_tokens(build, layer, key, value, keys_first=True)
    length = weights.rows("indexer.q_proj")
    index_query = build.new(length, build.multiplied("indexer.q_proj", weights, normed), positions)
    parts = [_of_sequence(build, indexer, layer, query, index_query) for _ in range(build.batch.sequences)]
    attended = parts[0]
    for joined, part in enumerate(parts[1:], start=2):
        attended = result(part.size * joined, attended, part)
    return build.multiplied("attn_output", weights, turned_back(build, layer, attended))


def _of_sequence(
    build: Builder, indexer: Indexer, layer: Layer, query: Tensor, index_query: Tensor
) -> Tensor:
    """Scores by position, the best of each block, and a mask over all cells made of the best blocks."""
    tokens = build.rows // build.batch.sequences
    groups, blocks = indexer.heads * tokens, indexer.reserved_blocks
    positions = blocks * indexer.block
    key = result(indexer.key_length * positions * F32, build.inputs.cells_of_positions(indexer))
    scores = result(positions * groups * F32, key, index_query)
    masked = result(0, scores, build.inputs.position_mask(indexer))
    bias = build.inputs.block_bias(indexer)
    best = result(blocks * groups * F32, masked, scores, bias)
    count = min(indexer.chosen, blocks)
    chosen = result(count * groups * I32, best)
    nothing = result(count * groups * F32, chosen)
    wiped = result(blocks * tokens * F16, result(blocks * tokens * F32, bias))
    wiped = result(blocks * groups * F16, wiped)
    by_block = result(blocks * groups * F16, result(0, nothing, chosen, wiped), wiped)
    by_block = result(blocks * groups * F16, by_block)
    by_cell = result(build.batch.cells * groups * F32, by_block, build.inputs.blocks_of_cells())
    by_cell = result(build.batch.cells * groups * F32, by_cell)
    causal = result(0, by_cell, build.inputs.wide_mask(layer))
    mask = result(build.batch.cells * groups * F16, causal, by_cell)
    length = layer.heads * layer.value_length * tokens * F32
    return result(length, result(length, query, mask))
