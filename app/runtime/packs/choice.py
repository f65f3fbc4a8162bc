"""Which pack a worker runs on: the one that a person chose, else the best, if it works."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from app.core.errors import EnvironmentFault, UnknownInstruction, WorkerDied
from app.core.jobs import CancelToken
from app.runtime import client
from app.runtime.client import Worker, WorkerCrash
from app.runtime.packs.pack import Pack, find_packs
from app.runtime.packs.record import PLAIN, PackRecords, Trial
from app.runtime.packs.trial_model import write_trial_model
from app.runtime.protocol import Describe, Described, Load, LoadSettings
from app.storage import DataFolder, data_folder

PATIENCE_S = 15.0
"""So long a pack that is tried may do nothing at all; a driver that looks for its devices uses the processor."""

NO_ACCELERATOR_NEEDED = ("cpu", "rpc")
"""Servers come and go: without any, a pack that could use them works as one for the processor."""

NO_DEVICE = "It finds no device here that it could use."
"""Why a pack is set aside on a computer that it is not for."""

LOG_LINES = 40
"""So many are kept of what a pack wrote before it failed."""


@dataclass(frozen=True)
class PackState:
    """`fault`: why the pack is set aside, and the last lines of the `log` that tell of it; empty where it works, None
    where it has not been tried yet. `tried_at`: when that was, in seconds since 1970, where it was tried.
    `is_chosen`: by a person."""

    pack: Pack
    fault: str | None
    log: tuple[str, ...] = ()
    tried_at: float | None = None
    is_chosen: bool = False


def runtime_packs() -> RuntimePacks:
    """The packs of this installation and this person."""
    data = data_folder()
    if getattr(sys, "frozen", False):
        own = Path(sys.executable).parent / "packs"
    else:
        own = Path(__file__).parents[3] / "packs"
    return RuntimePacks((data.packs, own), data)


class RuntimePacks:
    """Packs in `places`, and what is remembered of them in `data`."""

    def __init__(self, places: Sequence[Path], data: DataFolder) -> None:
        self._places = places
        self._records = PackRecords(data.database)

    def states(self) -> list[PackState]:
        """The best first; without starting any."""
        chosen = self._records.chosen()
        return [self._state(pack, is_chosen=_key(pack) == chosen) for pack in find_packs(self._places)]

    def choose(self, pack: Pack | None) -> None:
        """From now on this one is used where it works; None: the best. Raises what the database raises."""
        self._records.choose(_key(pack) if pack is not None else None)

    def try_now(self, pack: Pack, cancel: CancelToken | None = None) -> None:
        """Whatever came of it before. A pack with a flaw is left as it is. Raises Cancelled."""
        if pack.folder is not None and not pack.flaw:
            self._try(pack, cancel)

    def start(self) -> Worker:
        """A worker on the pack that was chosen, else the best that works. One that was not tried yet is tried now,
        which takes as long as its devices take to be found."""
        return _start(self.chosen())

    def start_on(self, pack: Pack) -> Worker:
        """A worker on this one, whatever is known of it."""
        return _start(pack)

    def chosen(self) -> Pack:
        """The pack that `start` takes; tries as it does."""
        # Of those that are equal otherwise, sorting keeps the order.
        for state in sorted(self.states(), key=lambda state: not state.is_chosen):
            if state.fault == "" or (state.fault is None and self._try(state.pack)):
                return state.pack
        raise AssertionError("the plain pack has no fault")

    def doubt(self, folder: Path, death: WorkerDied) -> bool:
        """A worker on the pack there died while it loaded a model. Whether the pack is set aside now: where the
        processor does not know its instructions, and where it fails with a model that others run."""
        for pack in find_packs(self._places):
            if pack.folder == folder:
                if isinstance(death, UnknownInstruction):
                    trial = Trial(f"It cannot be used: {death.message}", _last_lines(death.log))
                    self._records.write(folder, pack.stamp(), trial)
                    return True
                return not self._try(pack)
        return False

    def try_again(self) -> None:
        """What was set aside counts as not tried."""
        for state in self.states():
            if state.fault and state.pack.folder is not None:
                self._records.forget(state.pack.folder)

    def _state(self, pack: Pack, *, is_chosen: bool) -> PackState:
        if pack.flaw or pack.folder is None:
            return PackState(pack, pack.flaw, is_chosen=is_chosen)
        try:
            stamp = pack.stamp()
        except OSError as error:  # it may just have been removed
            return PackState(pack, f"It cannot be read: {error.strerror or error}.", is_chosen=is_chosen)
        trial = self._records.read(pack.folder, stamp)
        if trial is None:
            return PackState(pack, None, is_chosen=is_chosen)
        return PackState(pack, trial.fault, trial.log, trial.tried_at, is_chosen)

    def _try(self, pack: Pack, cancel: CancelToken | None = None) -> bool:
        """Whether a worker on the pack runs a model; otherwise the pack is set aside with the reason."""
        assert pack.folder is not None
        try:
            trial, stamp = _tried(pack, cancel), pack.stamp()
        except OSError:  # no room for the trial's model: nothing is known of the pack
            return False
        self._records.write(pack.folder, stamp, trial)
        return not trial.fault


def _tried(pack: Pack, cancel: CancelToken | None) -> Trial:
    if damage := pack.damage():  # before anything of it is run
        return Trial(damage)
    try:
        with _start(pack, PATIENCE_S) as worker, TemporaryDirectory() as folder:
            described = worker.call_for(Describe(), cancel)
            assert isinstance(described, Described)
            if pack.backend not in NO_ACCELERATOR_NEEDED and not _has_accelerator(described):
                return Trial(NO_DEVICE, _last_lines(worker.log))
            model = Path(folder) / "trial.gguf"
            write_trial_model(model)
            worker.call_for(Load(path=os.fsencode(model), settings=LoadSettings(context_length=64)), cancel)
    except WorkerCrash as crash:  # what Python says where a library or a function in it is missing
        return Trial(f"It cannot be loaded ({crash.summary}).", _last_lines(str(crash).splitlines()))
    except EnvironmentFault as death:
        return Trial(f"It cannot be started: {death.message}", _last_lines(death.log))
    return Trial("")


def _last_lines(log: Sequence[str]) -> tuple[str, ...]:
    return tuple(log[-LOG_LINES:])


def _key(pack: Pack) -> bytes:
    return os.fsencode(pack.folder) if pack.folder is not None else PLAIN


def _has_accelerator(described: Described) -> bool:
    # What ggml calls BLAS is the processor's: on a Mac every pack has it.
    kinds = {device.kind for device in described.devices if device.backend != "BLAS"}
    return not kinds.isdisjoint(("gpu", "igpu", "accel"))


def _start(pack: Pack, patience_s: float | None = None) -> Worker:
    return Worker(client.worker_command(), pack.environment, patience_s)
