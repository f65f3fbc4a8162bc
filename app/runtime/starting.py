"""A worker on the best runtime this computer has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.errors import WorkerDied
from app.runtime import client
from app.runtime.client import Worker
from app.runtime.fingerprint import fingerprint_of

if TYPE_CHECKING:
    from app.runtime.packs import RuntimePacks


def runtime_fingerprint() -> str:
    """Of the runtime `start_worker` takes: changes with its version and with every build of it."""
    if folder := os.environ.get("LLAMA_CPP_LIB_PATH"):
        return fingerprint_of(Path(folder))
    return _packs().chosen().fingerprint()


def start_worker() -> Worker:
    """The first time with a new runtime pack, that is tried before (see `RuntimePacks.start`)."""
    if os.environ.get("LLAMA_CPP_LIB_PATH"):  # a person or a test says so: then it is not ours to choose
        return Worker(client.worker_command())
    return _packs().start()


def is_set_aside_after(worker: Worker, death: WorkerDied) -> bool:
    """Whether the runtime pack that `worker` ran on, if any, is not used any more since `death` while it loaded a
    model; then another start takes the next one."""
    return worker.runtime_folder is not None and _packs().doubt(worker.runtime_folder, death)


def packs_set_aside() -> list[str]:
    """A sentence for each runtime pack that is not used because it does not work. Of those that came with the program,
    one that finds no device is none: on most computers some of them have none."""
    from app.runtime.packs.choice import NO_DEVICE
    from app.storage import data_folder

    own = data_folder().packs
    states = [
        state
        for state in _packs().states()
        if state.fault
        and (state.fault != NO_DEVICE or (state.pack.folder and state.pack.folder.parent == own))
    ]
    until = "until its files or the graphics driver change"
    return [f"The runtime pack {each.pack.name} is set aside {until}. {each.fault}" for each in states]


def _packs() -> RuntimePacks:
    # Here, since a worker imports this room, too, and has no use for the database.
    from app.runtime.packs import runtime_packs

    return runtime_packs()
