"""Which of the runtime packs that a release offers suit this computer, which is the best, and why."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.core.units import format_bytes
from app.hardware.graphics_names import maker_of
from app.hardware.machine import Accelerator, Machine
from app.hardware.nvidia_driver import (
    CAPABILITIES,
    OLDEST_DRIVERS,
    NvidiaDriver,
    is_built_for,
    is_driver_new_enough,
    read_nvidia_driver,
)
from app.hardware.questions import NoAnswer, Question
from app.hardware.vulkan import has_vulkan_driver
from app.runtime.packs import Pack, RuntimePacks
from app.runtime.packs.computer import this_machine, this_system
from app.runtime.packs.offered import OfferedPack
from app.runtime.packs.pack import bindings_version, rank_of
from app.runtime.packs.place import PackPlace

_ANSWER_WITHIN_S = 1.5
_BESIDE = ("cpu", "rpc")
"""What no computer computes faster with than with what it has anyway."""


@dataclass(frozen=True)
class Here:
    """What decides on packs. `system`, `machine` as packs name them; `bindings`: the version of llama-cpp-python in
    use; `graphics`: all devices that drivers tell of; `has_kfd`: the kernel lets programs compute on AMD's cards."""

    system: str
    machine: str
    bindings: str
    graphics: tuple[Accelerator, ...] = ()
    nvidia: NvidiaDriver | None = None
    has_vulkan: bool = False
    has_kfd: bool = False


@dataclass(frozen=True)
class PackOffer:
    """`suits`: it can be expected to work here; `reason`: why, or why not, in a sentence. `is_best`: the one to get,
    where none that is here is as fast. `installed`: the pack of that name that is here, `is_outdated` where it was
    built for other bindings and so cannot be used. `arrived_bytes`: of its archive."""

    pack: OfferedPack
    suits: bool
    reason: str
    is_best: bool = False
    installed: Pack | None = None
    is_outdated: bool = False
    arrived_bytes: int = 0

    @property
    def is_here(self) -> bool:
        return self.installed is not None and not self.is_outdated

    @property
    def computes_on_graphics(self) -> bool:
        return self.pack.backend not in _BESIDE


def read_here(machine: Machine) -> Here:
    """`machine`: this computer, as drivers tell of it. Takes as long as NVIDIA's driver takes to answer."""
    try:
        nvidia = Question("NVIDIA's driver", read_nvidia_driver).answer(_ANSWER_WITHIN_S)
    except NoAnswer:
        nvidia = None
    return Here(
        this_system(),
        this_machine(),
        bindings_version(),
        machine.accelerators,
        nvidia,
        has_vulkan_driver(),
        sys.platform.startswith("linux") and Path("/dev/kfd").exists(),
    )


def offers_for(
    here: Here, offered: Iterable[OfferedPack], packs: RuntimePacks, place: PackPlace
) -> tuple[PackOffer, ...]:
    """Of the packs for this system and machine, the best first. Starts none of those that are here."""
    states = packs.states()
    found = [state.pack for state in states]
    working = [state.pack for state in states if not state.fault]
    offers = [
        _with_installed(judged(pack, here), found, place)
        for pack in offered
        if (pack.system, pack.machine) == (here.system, here.machine)
    ]
    ranked = _beside_each_other(sorted(offers, key=lambda offer: (not offer.suits, *_rank(offer.pack))))
    able = [offer for offer in ranked if offer.suits and offer.computes_on_graphics]
    # One that is here and was set aside would be no better the second time.
    best = next((offer for offer in able if not offer.is_here or offer.installed in working), None)
    if best is None or best.is_here:
        return tuple(ranked)
    fastest_here = min(rank_of(pack.backend) for pack in working)
    is_faster = rank_of(best.pack.backend) < fastest_here or best.is_outdated
    return tuple(replace(offer, is_best=is_faster and offer is best) for offer in ranked)


def judged(pack: OfferedPack, here: Here) -> PackOffer:
    """Whether it suits, whatever is here already."""
    if pack.version != here.bindings:
        reason = f"It was built from llama-cpp-python {pack.version}; this Nibble works with {here.bindings}."
        return PackOffer(pack, False, reason)
    judge = {"cuda": _cuda, "hip": _hip, "rocm": _hip, "vulkan": _vulkan, "metal": _metal}.get(pack.backend)
    suits, reason = judge(pack, here) if judge is not None else _other(pack)
    return PackOffer(pack, suits, reason)


def _cuda(pack: OfferedPack, here: Here) -> tuple[bool, str]:
    driver, cuda = here.nvidia, pack.cuda
    if driver is None or not driver.cards:
        cards = [each.name for each in here.graphics if maker_of(each.name) == "NVIDIA"]
        if cards:
            return False, f"It needs NVIDIA's own driver, which does not answer for {_listed(cards)}."
        return False, "It needs an NVIDIA graphics card, and none is found here."
    able = [card.name for card in driver.cards if is_built_for(card)]
    if not able:
        least = ".".join(map(str, CAPABILITIES[0]))
        told = _listed(
            [f"{card.name} has {card.capability[0]}.{card.capability[1]}" for card in driver.cards]
        )
        return False, f"It needs a card of compute capability {least} (GeForce GTX 16, RTX 20) to 12; {told}."
    if cuda is None or not is_driver_new_enough(driver, cuda, here.system):
        oldest = OLDEST_DRIVERS.get(cuda or 0, {}).get(here.system)
        needed = f"{'.'.join(map(str, oldest))} or newer" if oldest else "of another kind"
        return False, f"It needs an NVIDIA driver {needed}, and {driver.version} is installed."
    return True, f"The fastest way to use {_listed(able)}; its driver {driver.version} is new enough."


def _hip(pack: OfferedPack, here: Here) -> tuple[bool, str]:
    cards = [each.name for each in here.graphics if maker_of(each.name) == "AMD" and not each.integrated]
    if not cards:
        return False, "It needs an AMD graphics card, and none is found here."
    if here.system == "linux" and not here.has_kfd:
        return False, f"It needs the kernel's compute driver (/dev/kfd) for {_listed(cards)}."
    return True, f"The fastest way to use {_listed(cards)}."


def _vulkan(pack: OfferedPack, here: Here) -> tuple[bool, str]:
    if not here.graphics:
        return False, "It needs graphics that models can run on, and none are found here."
    names = _listed([each.name for each in here.graphics])
    if not here.has_vulkan:
        return False, f"It needs a Vulkan driver for {names}, and none is installed."
    return True, f"It can use {names} by its Vulkan driver."


def _metal(pack: OfferedPack, here: Here) -> tuple[bool, str]:
    if here.system != "macos":
        return False, "It is for the graphics of a Mac."
    return True, "The fastest way to use the graphics of this Mac."


def _other(pack: OfferedPack) -> tuple[bool, str]:
    match pack.backend:
        case "cpu":
            return True, "It computes on any processor; what comes with Nibble does that, too."
        case "rpc":
            return True, "It lets models run on other computers as well."
    return False, f"Nibble does not know what {pack.backend} is for."


def _with_installed(offer: PackOffer, found: Sequence[Pack], place: PackPlace) -> PackOffer:
    same = [pack for pack in found if pack.folder is not None and pack.name == offer.pack.title]
    current = next((pack for pack in same if pack.version == offer.pack.version), None)
    outdated = next((pack for pack in same if place.holds(pack)), None)
    return replace(
        offer,
        installed=current or outdated,
        is_outdated=current is None and outdated is not None,
        arrived_bytes=place.arrived_bytes(offer.pack),
    )


def _beside_each_other(ranked: Sequence[PackOffer]) -> list[PackOffer]:
    """Of several that suit and are for the same, only the first is the fastest."""
    first: dict[str, PackOffer] = {}
    told = []
    for offer in ranked:
        better = first.setdefault(offer.pack.backend, offer) if offer.suits else offer
        if better is not offer:
            reason = f"It uses the same as {better.pack.title}, which is newer."
            offer = replace(offer, reason=reason)
        told.append(offer)
    return told


def _rank(pack: OfferedPack) -> tuple[int, int]:
    return rank_of(pack.backend), -(pack.cuda or 0)


def _listed(names: Sequence[str]) -> str:
    once = list(dict.fromkeys(names))
    return once[0] if len(once) == 1 else f"{', '.join(once[:-1])} and {once[-1]}"


def hint_of(offers: Iterable[PackOffer]) -> str:
    """`Get the runtime pack CUDA 13 (412 MB): the fastest way to use …`; empty where there is nothing to gain."""
    best = next((offer for offer in offers if offer.is_best), None)
    if best is None:
        return ""
    size = format_bytes(best.pack.bytes)
    if best.is_outdated:
        return f"The runtime pack {best.pack.title} is of another Nibble; get it anew ({size})."
    return f"Get the runtime pack {best.pack.title} ({size}): {best.reason[0].lower()}{best.reason[1:]}"
