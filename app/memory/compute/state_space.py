"""State spaces: Mamba (Gu & Dao, 2023) and Mamba 2 (Dao & Gu, "Transformers are SSMs", 2024)."""

from __future__ import annotations

from app.memory.compute.allocator import Tensor, in_place, result
from app.memory.compute.builder import Builder
from app.memory.compute.inputs import F32
from app.memory.compute.states import convolution_state, convolution_window, state_bytes
from app.memory.compute.weights import LayerWeights


def state_space(build: Builder, weights: LayerWeights, normed: Tensor) -> Tensor:
    """The layer's output for `normed`, [embedding, rows]."""
    inner, channels = weights.length("ssm_out"), weights.rows("ssm_conv1d")
    is_first = "ssm_x" in weights  # Mamba, not Mamba 2
    state = convolution_state(build)
    projected = build.multiplied("ssm_in", weights, normed)
    convolved = build.new(channels, convolution_window(build, channels, state, projected))
    steps = _steps(build, weights, convolved if is_first else projected)
    scanned = result(inner * build.rows * F32 + state_bytes(build), convolved, *steps, build.inputs.states())
    build.store(scanned)
    gate = build.new(inner, projected)
    found = in_place(convolved, scanned) if is_first else build.new(inner, convolved, scanned)
    gated = build.new(inner, gate, found)
    if "ssm_norm" in weights:
        gated = build.new(inner, gated)
    output = build.multiplied("ssm_out", weights, gated)
    return output.view() if is_first else output


def _steps(build: Builder, weights: LayerWeights, source: Tensor) -> tuple[Tensor, ...]:
    """How long a step each token is, and in Mamba how it is written to and read from the state."""
    if "ssm_x" not in weights:
        return (build.new(weights.length("ssm_dt.bias"), source),)
    made = build.multiplied("ssm_x", weights, source)
    steps = build.multiplied("ssm_dt", weights, build.new(weights.length("ssm_dt"), made))
    if "ssm_b_norm" not in weights:
        return steps, made
    return steps, *(build.new(weights.length(name), made) for name in ("ssm_b_norm", "ssm_c_norm"))
