"""Layers with a recurrent state."""

from __future__ import annotations

from app.memory.compute.allocator import Tensor
from app.memory.compute.builder import Builder
from app.memory.compute.delta_net import delta_net
from app.memory.compute.short_convolution import short_convolution
from app.memory.compute.state_space import state_space
from app.memory.compute.weights import LayerWeights


def recurrence(build: Builder, weights: LayerWeights, normed: Tensor) -> Tensor:
    """The layer's output for `normed`, [embedding, rows]."""
    if "shortconv.in_proj" in weights:
        return short_convolution(build, weights, normed)
    if "ssm_in" in weights:
        return state_space(build, weights, normed)
    return delta_net(build, weights, normed)
