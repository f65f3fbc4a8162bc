"""Spread: where a loaded model runs, as the runtime says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.memory.placement import is_expert, place_of
from app.memory.plan import Load
from app.runtime.protocol import MemoryBuffers


@dataclass(frozen=True)
class Spread:
    """`offloaded` of `layers` layers, the output counted as one, are on `accelerators`, by name.

    `expert_layers_in_memory`: so many of those without the weights of their experts.
    """

    layers: int
    offloaded: int
    accelerators: tuple[str, ...]
    expert_layers_in_memory: int = 0

    @property
    def is_whole(self) -> bool:
        """All of it is on accelerators."""
        return self.offloaded == self.layers and not self.expert_layers_in_memory


def spread_of(load: Load, buffers: MemoryBuffers) -> Spread | None:
    """None where there are no accelerators to choose from."""
    if not load.accelerators:
        return None
    places = [place_of(device, load.accelerators) for device in buffers.layer_devices]
    used = sorted({place for place in places if place is not None})
    offloaded = sum(place is not None for place in places)
    return Spread(
        len(places),
        offloaded,
        tuple(load.accelerators[place].name for place in used),
        _expert_layers_in_memory(load, [place is not None for place in places]),
    )


def _expert_layers_in_memory(load: Load, offloaded: Sequence[bool]) -> int:
    """Of those that are on accelerators; `offloaded`: whether each layer is."""
    most = load.settings.expert_layers_in_memory
    layers = {int(tensor.name.split(".")[1]) for tensor in load.facts.tensors if is_expert(tensor.name)}
    return sum(layer < len(offloaded) and offloaded[layer] for layer in layers if most < 0 or layer < most)
