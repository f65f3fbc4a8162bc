"""Runtime packs in `nibble doctor`: which there are, what each could use here, which one is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from app.hardware import ask_runtime
from app.runtime.packs import PackState, RuntimePacks
from app.runtime.protocol import Device


@dataclass(frozen=True)
class PackReport:
    """`devices`: what a worker on it lists; none where it is set aside."""

    state: PackState
    is_used: bool
    devices: tuple[Device, ...]

    def text(self) -> str:
        if self.state.fault:
            return f"{self.state.pack.name}: set aside. {self.state.fault}"
        names = ", ".join(device.description or device.name for device in self.devices)
        return f"{self.state.pack.name}: {'in use' if self.is_used else 'works'}; {names or 'no devices'}"

    def document(self) -> dict[str, Any]:
        pack = self.state.pack
        return {
            "name": pack.name,
            "backend": pack.backend,
            "version": pack.version,
            "folder": str(pack.folder) if pack.folder is not None else None,
            "used": self.is_used,
            "fault": self.state.fault or None,
            "devices": msgspec.to_builtins(self.devices),
        }


def report_packs(packs: RuntimePacks) -> list[PackReport]:
    """Each pack, the best first; none where there is only the plain one, of which everything else tells."""
    if len(packs.states()) == 1:
        return []
    used = packs.chosen()
    reports: list[PackReport] = []
    for state in packs.states():
        devices: tuple[Device, ...] = ()
        if not state.fault:
            described, _ = ask_runtime(lambda pack=state.pack: packs.start_on(pack))  # type: ignore[misc]
            devices = described.devices if described is not None else ()
        reports.append(PackReport(state, state.pack == used, devices))
    return reports
