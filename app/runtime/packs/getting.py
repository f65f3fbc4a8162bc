"""Getting a runtime pack: downloaded, checked, unpacked beside the others and tried, so that workers can use it."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from app.core.errors import DamagedPack, DiskFull, PackInUse, WrongChoice, from_os_error
from app.core.jobs import JobControl
from app.core.units import format_bytes
from app.downloads import SpeedLimit
from app.downloads.address import fetch_address
from app.downloads.awake import kept_awake
from app.runtime.packs.archive import unpack
from app.runtime.packs.choice import PackState, RuntimePacks
from app.runtime.packs.computer import this_machine, this_system
from app.runtime.packs.offered import OfferedPack
from app.runtime.packs.pack import bindings_version
from app.runtime.packs.place import PackPlace

UNPACKING, TRYING = "Unpacking", "Trying it"


def get_pack(
    pack: OfferedPack, packs: RuntimePacks, place: PackPlace, control: JobControl, limit: SpeedLimit
) -> PackState:
    """The pack as it was tried: it may be set aside. It takes the place of those of its name built for other bindings.

    What has arrived stays when this is cancelled or fails, and the next call goes on from there. Raises WrongChoice for
    a pack of another system or while another process gets one, DiskFull before anything is fetched where the archive
    and what is in it have no room, what `fetch_address` and `unpack` raise, and Cancelled.
    """
    _require_for_here(pack)
    folder = place.folder / pack.folder_name
    with place.changing():
        _require_room(pack, place)
        with kept_awake():
            _fetch_and_unpack(pack, place, control, limit)
        control.progress(TRYING)
        state = _tried(packs, folder, control)
        _replace_older(pack, packs, place, state)
    return next(each for each in packs.states() if each.pack.folder == folder)


def _fetch_and_unpack(pack: OfferedPack, place: PackPlace, control: JobControl, limit: SpeedLimit) -> None:
    archive = place.archive_of(pack)

    def tell(stage: str, received: int) -> None:
        control.progress(stage, received, pack.bytes, "bytes")

    def tell_unpacked(done: int) -> None:
        control.progress(UNPACKING, done, pack.unpacked_bytes, "bytes")

    fetch_address(pack.address, pack.content, archive, control.cancel, tell, limit)
    try:
        with place.unpacking(pack) as new:
            unpack(archive, pack, new, control.cancel, tell_unpacked)
    except DamagedPack:  # it is what was announced, so another try would bring the same
        archive.unlink(missing_ok=True)
        raise
    archive.unlink(missing_ok=True)


def _require_for_here(pack: OfferedPack) -> None:
    """Raises WrongChoice."""
    if (pack.system, pack.machine) != (this_system(), this_machine()):
        raise WrongChoice(
            f"The runtime pack {pack.title} is for {pack.system} on {pack.machine}.",
            "Choose one for this computer.",
        )
    if pack.version != bindings_version():
        raise WrongChoice(
            f"The runtime pack {pack.title} was built from llama-cpp-python {pack.version};"
            f" this Nibble works with {bindings_version()}.",
            "Get another Nibble, or another pack.",
        )


def _require_room(pack: OfferedPack, place: PackPlace) -> None:
    """For the rest of its archive and all that is in it. Raises DiskFull."""
    needed = pack.bytes - place.arrived_bytes(pack) + pack.unpacked_bytes
    try:
        free = shutil.disk_usage(place.folder).free
    except OSError as error:
        raise from_os_error(error, place.folder) from error
    if free < needed:
        raise DiskFull(
            f"The runtime pack {pack.title} takes {format_bytes(needed)} while it is unpacked, and"
            f" {format_bytes(pack.unpacked_bytes)} from then on; the disk of {place.folder} has {format_bytes(free)}.",
            "Free some space, then try again.",
        )


def _tried(packs: RuntimePacks, folder: Path, control: JobControl) -> PackState:
    """Raises Cancelled; then it is tried when it is first wanted."""
    state = next(each for each in packs.states() if each.pack.folder == folder)
    packs.try_now(state.pack, control.cancel)
    return state


def _replace_older(pack: OfferedPack, packs: RuntimePacks, place: PackPlace, new: PackState) -> None:
    for state in packs.states():
        old = state.pack
        if place.holds(old) and old.name == pack.title and old.version != pack.version:
            if state.is_chosen:
                packs.choose(new.pack)
            with suppress(PackInUse):  # by another Nibble, of another version
                place.remove(old)
