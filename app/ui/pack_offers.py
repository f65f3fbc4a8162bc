"""Jobs of the window about runtime packs that can be had: which suit this computer, and what a killed one has left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.jobs import JobControl

if TYPE_CHECKING:
    from app.hardware.pack_offers import PackOffer


def find_offers(control: JobControl) -> tuple[PackOffer, ...]:
    """The best first. Takes as long as graphics drivers take to answer, where there are any packs to have."""
    from app.hardware import probe
    from app.hardware.pack_offers import offers_for, read_here
    from app.runtime.packs import runtime_packs
    from app.runtime.packs.offered import offered_packs
    from app.runtime.packs.place import pack_place

    offered = offered_packs()
    if not offered:
        return ()
    return offers_for(read_here(probe()), offered, runtime_packs(), pack_place())


def clear_packs(control: JobControl) -> None:
    """For the start: a process that was killed may have left half a pack."""
    from app.runtime.packs.place import pack_place

    pack_place().clear()
