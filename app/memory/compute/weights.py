"""Which weights a layer has: what it computes can be read from that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

_BLOCK = re.compile(r"blk\.(\d{1,4})\.(.+)")


class ShapedTensor(Protocol):
    """A tensor's name and its shape, fastest-varying first."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...


class LayerWeights:
    """The weights of one layer by the name behind its number, without ".weight"."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._shapes = shapes

    def __contains__(self, name: str) -> bool:
        return name in self._shapes

    def rows(self, name: str) -> int:
        """Elements of what multiplication by it gives for one token; 0 without."""
        shape = self._shapes.get(name, ())
        return shape[1] if len(shape) > 1 else 0

    def length(self, name: str) -> int:
        """The first of its lengths; 0 without."""
        shape = self._shapes.get(name, ())
        return shape[0] if shape else 0

    @property
    def feed_forward(self) -> bool:
        return any(name.startswith("ffn_up") or name.startswith("ffn_gate_up") for name in self._shapes)

    def key(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Equal for layers that compute alike."""
        return tuple(sorted(self._shapes.items()))


def weights_of_layers(tensors: Iterable[ShapedTensor], layers: int) -> tuple[LayerWeights, ...]:
    shapes: list[dict[str, tuple[int, ...]]] = [{} for _ in range(layers)]
    for tensor in tensors:
        match = _BLOCK.fullmatch(tensor.name)
        if match and int(match[1]) < layers:
            shapes[int(match[1])][match[2].removesuffix(".weight")] = tensor.shape
    return tuple(LayerWeights(each) for each in shapes)
