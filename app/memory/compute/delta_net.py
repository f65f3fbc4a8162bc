"""Linear attention by the gated delta rule (Yang, Kautz & Hatamizadeh, "Gated Delta Networks", 2025)."""

from __future__ import annotations

from app.memory.compute.allocator import Tensor, result
from app.memory.compute.builder import Builder, combined
from app.memory.compute.inputs import F32
from app.memory.compute.states import convolution_state, convolution_window, state_bytes
from app.memory.compute.weights import LayerWeights


def delta_net(build: Builder, weights: LayerWeights, normed: Tensor) -> Tensor:
    """The layer's output for `normed`, [embedding, rows]."""
    inner = weights.length("ssm_out")
    build.graph.compute(normed)
    state = convolution_state(build)
    channels = weights.rows("ssm_conv1d")
    window = convolution_window(build, channels, state, build.multiplied("attn_qkv", weights, normed))
    state = result(state_bytes(build), build.inputs.states())
    build.graph.compute(state)
    convolved = build.new(channels, window)
    query, key = (_head_vectors(build, weights, convolved) for _ in range(2))
    forgotten, written = _gates(build, weights, normed)
    attended = result(
        inner * build.rows * F32 + state_bytes(build), query, key, convolved, forgotten, written, state
    )
    build.store(attended)
    attended = build.new(inner, attended)
    gate = build.new(inner, build.multiplied("attn_gate", weights, normed))
    gated = combined(attended, gate)
    return build.multiplied("ssm_out", weights, gated).view()


def _head_vectors(build: Builder, weights: LayerWeights, convolved: Tensor) -> Tensor:
    """Queries or keys, of length 1. Qwen3-Next repeats each for the heads of values that it serves."""
    inner = weights.length("ssm_out")
    length = (weights.rows("ssm_conv1d") - inner) // 2
    vectors = build.new(length, convolved)
    return build.new(inner, vectors) if "ssm_ba" in weights and length < inner else vectors


def _gates(build: Builder, weights: LayerWeights, normed: Tensor) -> tuple[Tensor, Tensor]:
    """How much of the state each head forgets, and how much it writes."""
    heads = weights.length("ssm_dt.bias")
    if "ssm_ba" in weights:
        both = build.multiplied("ssm_ba", weights, normed)
        return build.new(heads, both), build.new(heads, both)
    return (
        build.new(heads, build.multiplied("ssm_alpha", weights, normed)),
        build.new(heads, build.multiplied("ssm_beta", weights, normed)),
    )
