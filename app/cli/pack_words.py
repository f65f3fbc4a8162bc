"""How commands name, describe and choose runtime packs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from app.core.errors import WrongChoice
from app.core.units import format_bytes
from app.hardware.pack_offers import PackOffer
from app.hardware.pack_reports import PackReport
from app.runtime.packs import Pack, RuntimePacks

AUTOMATIC = "automatic"


def choose(packs: RuntimePacks, name: str) -> None:
    """Raises WrongChoice for a name that no pack has."""
    if plain(name) == AUTOMATIC:
        packs.choose(None)
        return
    known = [state.pack for state in packs.states()]
    found = packs_named(name, known)
    if not found:
        raise no_pack(name, [AUTOMATIC, *(pack.name for pack in known)])
    packs.choose(found[0])


def packs_named(name: str, packs: list[Pack]) -> list[Pack]:
    """By its own name, as in "CUDA 13" or "cuda-13", or by that of its folder."""
    by_folder = [pack for pack in packs if pack.folder is not None and pack.folder.name == name]
    return by_folder or [pack for pack in packs if plain(pack.name) == plain(name)]


def plain(name: str) -> str:
    return name.casefold().replace(" ", "-")


def no_pack(name: str, names: list[str]) -> WrongChoice:
    hint = f"Choose one of: {', '.join(names)}." if names else "See: nibble packs"
    return WrongChoice(f"There is no runtime pack {name}.", hint)


def line_of(report: PackReport) -> str:
    pack = report.state.pack
    if report.state.fault:
        return f"{pack.name}: set aside. {report.state.fault}"
    names = ", ".join(device.description or device.name for device in report.devices)
    chosen = ", as chosen" if report.state.is_chosen else ""
    return f"{pack.name}: {'in use' if report.is_used else 'works'}{chosen}; {names or 'no devices'}"


def offer_line(offer: PackOffer) -> str:
    facts = [format_bytes(offer.pack.bytes)]
    if offer.is_best:
        facts.append("the one to get")
    if offer.is_outdated and offer.installed is not None:
        facts.append(f"version {offer.installed.version} is here and cannot be used")
    elif offer.is_here:
        facts.append("is here")
    elif offer.arrived_bytes:
        facts.append(f"{format_bytes(offer.arrived_bytes)} have arrived")
    return f"{offer.pack.name}: {', '.join(facts)}. {offer.reason}"


def hint_line(sentence: str, offers: Sequence[PackOffer]) -> str:
    """With the command that follows it."""
    best = next(offer for offer in offers if offer.is_best)
    return f"{sentence} To do so: nibble packs get {best.pack.name}"


def document_of(report: PackReport) -> dict[str, Any]:
    pack = report.state.pack
    return {
        "name": pack.name,
        "backend": pack.backend,
        "version": pack.version,
        "folder": str(pack.folder) if pack.folder is not None else None,
        "used": report.is_used,
        "chosen": report.state.is_chosen,
        "fault": report.state.fault or None,
        "devices": msgspec.to_builtins(report.devices),
    }


def offer_document(offer: PackOffer) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(offer.pack),
        "suits": offer.suits,
        "reason": offer.reason,
        "best": offer.is_best,
        "installed": offer.is_here,
        "outdated": offer.is_outdated,
        "arrived_bytes": offer.arrived_bytes,
    }
