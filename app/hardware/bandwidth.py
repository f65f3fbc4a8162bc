"""How fast an accelerator reads its memory, from the table that Nibble brings."""

from __future__ import annotations

from functools import cache

import msgspec

import resources


class KnownDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row. `name` as drivers report it, `also` other spellings; `memory_bytes`, `gpu_cores` and `variant` tell
    devices of one name apart; `checked`: the figure agrees with the `source` as it was read. `reached_bytes_per_s` and
    `flops`, where they limit a device further: see the head of the table.
    """

    name: str
    bandwidth_bytes_per_s: int
    source: str
    checked: bool
    also: tuple[str, ...] = ()
    memory_bytes: int | None = None
    gpu_cores: int | None = None
    reached_bytes_per_s: int | None = None
    flops: int | None = None
    variant: str = ""
    note: str = ""


def known_device(name: str, memory_bytes: int) -> KnownDevice | None:
    """The device a driver calls `name`, None for one that the table lacks.

    Of several with that name the one whose memory is nearest to `memory_bytes`; where that leaves more than
    one, the slowest, so that no speed is promised that may not be there.
    """
    named = _by_name().get(_plain(name), ())
    nearest = min((_distance(device, memory_bytes) for device in named), default=0)
    return min(
        (each for each in named if _distance(each, memory_bytes) == nearest),
        key=lambda each: each.bandwidth_bytes_per_s,
        default=None,
    )


def known_bandwidth(name: str, memory_bytes: int) -> int | None:
    """Bytes per second of `known_device`."""
    device = known_device(name, memory_bytes)
    return device.bandwidth_bytes_per_s if device is not None else None


@cache
def _by_name() -> dict[str, tuple[KnownDevice, ...]]:
    table: dict[str, tuple[KnownDevice, ...]] = {}
    for device in msgspec.convert(resources.bandwidths(), list[KnownDevice]):
        for name in dict.fromkeys(map(_plain, (device.name, *device.also))):
            table[name] = (*table.get(name, ()), device)
    return table


def _distance(device: KnownDevice, memory_bytes: int) -> int:
    return 0 if device.memory_bytes is None else abs(device.memory_bytes - memory_bytes)


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
