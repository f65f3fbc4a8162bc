"""Runtime packs in `nibble doctor`: which there are, what each could use here, which one is used."""

from __future__ import annotations

from typing import Any

import msgspec

from app.core.errors import WrongChoice
from app.hardware.pack_reports import PackReport
from app.runtime.packs import RuntimePacks

AUTOMATIC = "automatic"


def choose(packs: RuntimePacks, name: str) -> None:
    """Raises WrongChoice for a name that no pack has."""
    known = {state.pack.name.casefold(): state.pack for state in packs.states()}
    pack = known.get(name.casefold())
    if pack is None and name.casefold() != AUTOMATIC:
        names = ", ".join((AUTOMATIC, *(each.name for each in known.values())))
        raise WrongChoice(f"There is no runtime pack {name}.", f"Choose one of: {names}.")
    packs.choose(pack)


def line_of(report: PackReport) -> str:
    pack = report.state.pack
    if report.state.fault:
        return f"{pack.name}: set aside. {report.state.fault}"
    names = ", ".join(device.description or device.name for device in report.devices)
    chosen = ", as chosen" if report.state.is_chosen else ""
    return f"{pack.name}: {'in use' if report.is_used else 'works'}{chosen}; {names or 'no devices'}"


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
