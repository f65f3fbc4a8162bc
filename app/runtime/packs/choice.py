"""Which pack a worker runs on: the best that works."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from app.core.errors import EnvironmentFault, UnknownInstruction, WorkerDied
from app.runtime import client
from app.runtime.client import Worker, WorkerCrash
from app.runtime.packs.pack import Pack, find_packs
from app.runtime.packs.record import PackRecords
from app.runtime.packs.trial_model import write_trial_model
from app.runtime.protocol import Describe, Described, Load, LoadSettings
from app.storage import DataFolder, data_folder

PATIENCE_S = 15.0
"""So long a pack that is tried may do nothing at all; a driver that looks for its devices uses the processor."""


@dataclass(frozen=True)
class PackState:
    """`fault`: why the pack is set aside; empty where it works, None where it has not been tried yet."""

    pack: Pack
    fault: str | None


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
        return [PackState(pack, self._fault(pack)) for pack in find_packs(self._places)]

    def start(self) -> Worker:
        """A worker on the best pack that works. One that was not tried yet is tried now, which takes as long as
        its devices take to be found."""
        return _start(self.chosen())

    def start_on(self, pack: Pack) -> Worker:
        """A worker on this one, whatever is known of it."""
        return _start(pack)

    def chosen(self) -> Pack:
        """The pack that `start` takes; tries as it does."""
        for pack in find_packs(self._places):
            fault = self._fault(pack)
            if fault == "" or (fault is None and self._try(pack)):
                return pack
        raise AssertionError("the plain pack has no fault")

    def doubt(self, folder: Path, death: WorkerDied) -> bool:
        """A worker on the pack there died while it loaded a model. Whether the pack is set aside now: where the
        processor does not know its instructions, and where it fails with a model that others run."""
        for pack in find_packs(self._places):
            if pack.folder == folder:
                if isinstance(death, UnknownInstruction):
                    self._records.write(folder, pack.stamp(), f"It cannot be used: {death.message}")
                    return True
                return not self._try(pack)
        return False

    def try_again(self) -> None:
        """What was set aside counts as not tried."""
        for state in self.states():
            if state.fault and state.pack.folder is not None:
                self._records.forget(state.pack.folder)

    def _fault(self, pack: Pack) -> str | None:
        if pack.flaw or pack.folder is None:
            return pack.flaw
        return self._records.read(pack.folder, pack.stamp())

    def _try(self, pack: Pack) -> bool:
        """Whether a worker on the pack runs a model; otherwise the pack is set aside with the reason."""
        assert pack.folder is not None
        try:
            fault = _fault_in_trial(pack)
        except OSError:  # no room for the trial's model: nothing is known of the pack
            return False
        self._records.write(pack.folder, pack.stamp(), fault)
        return not fault


def _fault_in_trial(pack: Pack) -> str:
    """Empty where it passes."""
    try:
        with _start(pack, PATIENCE_S) as worker, TemporaryDirectory() as folder:
            described = worker.call_for(Describe())
            assert isinstance(described, Described)
            if pack.backend != "cpu" and not _has_accelerator(described):
                return "It finds no device here that it could use."
            model = Path(folder) / "trial.gguf"
            write_trial_model(model)
            worker.call_for(Load(path=os.fsencode(model), settings=LoadSettings(context_length=64)))
    except WorkerCrash as crash:  # what Python says where a library or a function in it is missing
        return f"It cannot be loaded ({crash.summary})."
    except EnvironmentFault as death:
        return f"It cannot be started: {death.message}"
    return ""


def _has_accelerator(described: Described) -> bool:
    return any(device.kind in ("gpu", "igpu", "accel") for device in described.devices)


def _start(pack: Pack, patience_s: float | None = None) -> Worker:
    return Worker(client.worker_command(), pack.environment, patience_s)
