"""The recurrent state of a layer: what a convolution reaches back to, and the rest."""

from __future__ import annotations

from app.memory.compute.allocator import Tensor, result
from app.memory.compute.builder import Builder
from app.memory.compute.inputs import F32


def convolution_state(build: Builder) -> Tensor:
    """The last tokens that a convolution reaches back to, of all sequences."""
    state = result(_convolution_elements(build) * F32, build.inputs.states())
    build.graph.compute(state)
    return state


def convolution_window(build: Builder, channels: int, state: Tensor, tokens: Tensor) -> Tensor:
    """What a convolution slides over: its state and the batch in one row. The end is its next state."""
    window = result((channels * build.rows + _convolution_elements(build)) * F32, state, tokens)
    build.store(window)
    return window


def state_bytes(build: Builder) -> int:
    """The state besides that of the convolution, of all sequences."""
    space = build.geometry.state_space
    return space.state * build.batch.sequences * F32 if space else 0


def _convolution_elements(build: Builder) -> int:
    space = build.geometry.state_space
    return space.convolution * build.batch.sequences if space else 0
