"""Which weights a layer has: what it computes can be read from that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

_BLOCK = re.compile(r"blk\.(\d{1,4})\.(.+)")


class ShapedTensor(Protocol):
    """A tensor's name and its shape, fastest-varying first."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...


class LayerWeights:
    """The weights of one layer by the name behind its number, without ".weight". `adapted`: the ranks of the
    adapters (LoRA) that change a weight."""

    def __init__(
        self, shapes: Mapping[str, tuple[int, ...]], adapted: Mapping[str, Sequence[int]] | None = None
    ) -> None:
        self._shapes = shapes
        self._adapted = adapted or {}

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

    def ranks(self, name: str) -> Sequence[int]:
        """Of the adapters of it, in order; none without."""
        return self._adapted.get(name, ())

    @property
    def feed_forward(self) -> bool:
        return any(name.startswith(("ffn_up", "ffn_gate_up")) for name in self._shapes)

    @property
    def has_second_norm(self) -> bool:
        """Whether what goes into the feed-forward layer is normed. "post_attention_norm" is that norm in some
        architectures, and in those with a norm after the feed-forward layer it is that of attention's result."""
        if "ffn_norm" in self._shapes:
            return True
        return "post_attention_norm" in self._shapes and "post_ffw_norm" not in self._shapes

    @property
    def has_last_norms(self) -> bool:
        """Whether "post_attention_norm" is the norm of attention's result."""
        return "post_attention_norm" in self._shapes and bool(
            self._shapes.keys() & {"ffn_norm", "post_ffw_norm"}
        )

    @property
    def is_parallel(self) -> bool:
        """One norm for attention and the feed-forward layer, which are computed side by side."""
        return (
            "attn_norm" in self._shapes
            and "attn_output" in self._shapes
            and self.feed_forward
            and not self._shapes.keys() & {"ffn_norm", "post_attention_norm", "post_ffw_norm"}
        )


def weights_of_layers(tensors: Iterable[ShapedTensor], layers: int) -> tuple[LayerWeights, ...]:
    """Tensors of adapters among `tensors` are named after the weight that they change."""
    shapes: list[dict[str, tuple[int, ...]]] = [{} for _ in range(layers)]
    adapted: list[dict[str, list[int]]] = [{} for _ in range(layers)]
    for tensor in tensors:
        match = _BLOCK.fullmatch(tensor.name)
        if match and int(match[1]) < layers:
            _add(match[2], tensor.shape, shapes[int(match[1])], adapted[int(match[1])])
    return tuple(LayerWeights(*each) for each in zip(shapes, adapted, strict=True))


def weights_outside(tensors: Iterable[ShapedTensor]) -> LayerWeights:
    """Those of no layer."""
    shapes: dict[str, tuple[int, ...]] = {}
    adapted: dict[str, list[int]] = {}
    for tensor in tensors:
        if not _BLOCK.match(tensor.name):
            _add(tensor.name, tensor.shape, shapes, adapted)
    return LayerWeights(shapes, adapted)


def _add(
    name: str, shape: tuple[int, ...], shapes: dict[str, tuple[int, ...]], adapted: dict[str, list[int]]
) -> None:
    if name.endswith(".lora_b"):
        # What multiplication by the first matrix gives is what the second one is multiplied with.
        adapted.setdefault(name.removesuffix(".lora_b").removesuffix(".weight"), []).append(shape[0])
    elif not name.endswith(".lora_a"):
        shapes[name.removesuffix(".weight")] = shape
