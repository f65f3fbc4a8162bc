"""Spread: where a loaded model runs, as the runtime says."""

from __future__ import annotations

from dataclasses import dataclass

from app.memory.placement import place_of
from app.memory.plan import Load
from app.runtime.protocol import MemoryBuffers


@dataclass(frozen=True)
class Spread:
    """`offloaded` of `layers` layers, the output counted as one, are on `accelerators`, by name.

    `experts_in_memory`: but for the weights of their experts.
    """

    layers: int
    offloaded: int
    accelerators: tuple[str, ...]
    experts_in_memory: bool

    @property
    def is_whole(self) -> bool:
        """All of it is on accelerators."""
        return self.offloaded == self.layers and not self.experts_in_memory


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
        load.settings.experts_on_processor and offloaded > 0,
    )
