"""What each runtime pack could use of this computer, and which one is used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from app.core.jobs import CancelToken
from app.hardware.runtime_devices import ask_runtime
from app.runtime.packs import Pack, PackState, RuntimePacks
from app.runtime.protocol import Device


@dataclass(frozen=True)
class PackReport:
    """`devices`: what a worker on it lists; none where it is set aside or says nothing. `is_used`: by workers that are
    started from now on."""

    state: PackState
    is_used: bool
    devices: tuple[Device, ...]


def report_packs(packs: RuntimePacks, cancel: CancelToken | None = None) -> Iterator[PackReport]:
    """Each pack, the best first; one that was not tried yet and would be used is tried. Every one takes as long as its
    process takes to start and to find its devices. Raises Cancelled."""
    cancel = cancel or CancelToken()
    # Where a person has set that, it is used, and by workers on the plain pack, too.
    used = packs.chosen() if "LLAMA_CPP_LIB_PATH" not in os.environ else None
    for state in packs.states():
        cancel.raise_if_cancelled()
        is_asked = not state.fault and (used is not None or state.pack.folder is not None)
        yield PackReport(state, state.pack == used, _devices(packs, state.pack, cancel) if is_asked else ())


def _devices(packs: RuntimePacks, pack: Pack, cancel: CancelToken) -> tuple[Device, ...]:
    described, _ = ask_runtime(lambda: packs.start_on(pack), cancel=cancel)
    return described.devices if described is not None else ()
