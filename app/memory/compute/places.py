"""Places: where the weights and caches are that the results of a graph are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from app.memory.compute.allocator import Outside, Tensor, in_place
from app.memory.compute.batch import Batch
from app.memory.compute.inputs import F16
from app.memory.compute.weights import ShapedTensor
from app.memory.geometry import Geometry, Layer
from app.memory.kv_cache import row_bytes
from app.memory.placement import PROCESSOR, Placement

_ROTATION_FACTORS = ("rope_freqs.weight", "rope_factors_long.weight")
_FEW_TOKENS = 32
"""With fewer, llama.cpp pins norms to their layer's device."""


class SizedTensor(ShapedTensor, Protocol):
    @property
    def size_bytes(self) -> int: ...


class Places:
    """`device`: of the layer that is being built, or of what comes after all of them."""

    def __init__(
        self, geometry: Geometry, tensors: Iterable[SizedTensor], placement: Placement, batch: Batch
    ) -> None:
        self._geometry = geometry
        self._sizes = {tensor.name: tensor.size_bytes for tensor in tensors}
        self._placement = placement
        self._batch = batch
        self._layer = -1
        self._cache_devices: dict[bool, int] = {}
        self._pins_norms = placement.all_offloaded or batch.tokens < _FEW_TOKENS
        self.device = PROCESSOR

    def enter_layer(self, index: int) -> None:
        self._layer, self.device = index, self._placement.layer_devices[index]
        layer = self._geometry.layers[index]
        if layer.has_cache:
            self._cache_devices[layer.windowed] = self.device

    def leave_layers(self) -> None:
        self._layer, self.device = -1, self._placement.output_device

    def weight(self, name: str, rows: int) -> Outside:
        """The layer's weight of that name, without ".weight"; outside of layers that of the model. `rows`: tokens
        that it is multiplied with."""
        full = name if name.endswith(".bias") else f"{name}.weight"
        if self._layer >= 0:
            full = f"blk.{self._layer}.{full}"
        return Outside(self._sizes.get(full, 0), self._placement.device_of(full), "weight", rows)

    def rotation_factors(self) -> tuple[Outside, ...]:
        """By which positions are scaled, where the model has such weights. Each device has a copy for its layers."""
        found = (self._sizes[name] for name in _ROTATION_FACTORS if name in self._sizes)
        return tuple(Outside(size, self.device, "factors") for size in found)[:1]

    def output(self, rows: int) -> Outside:
        """The output matrix, or the copy of the token embedding that stands for it."""
        size = self._sizes.get("output.weight") or self._sizes.get("token_embd.weight", 0)
        return Outside(size, self._placement.output_device, "weight", rows)

    def scaled(self, normed: Tensor, weight: tuple[Outside, ...]) -> Tensor:
        """What is normed, by the norm's weights."""
        if self._pins_norms and self._layer >= 0:
            normed.device = self.device
        scaled = in_place(normed)
        scaled.outside = weight
        return scaled

    def caches(self, layer: Layer, cells: int) -> tuple[Outside, ...]:
        """Keys and values; of compressed rows the values are a part of the keys, and would be copied all the same.
        A layer without its own cache uses the last one of its kind."""
        device = self._cache_devices.get(layer.windowed, self.device)
        flash = self._batch.flash_attention
        lengths = (layer.keys, layer.keys if self._geometry.latent else layer.values)
        types = (self._batch.kv_type, (self._batch.value_type or self._batch.kv_type) if flash else "f16")
        found: list[Outside] = []
        for length, kv_type in zip(lengths, types, strict=True):
            rows = cells * self._batch.sequences
            is_widened = flash and kv_type != "f16" and not (found and self._geometry.latent)
            widened = rows * length * F16 if is_widened else 0
            size = rows * row_bytes(length, kv_type)
            found.append(Outside(size, device, "cache", widened_bytes=widened))
        return tuple(found)
