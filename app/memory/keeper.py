"""Keeper: which models this Nibble has loaded, and what gives way when others are wanted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.core.errors import TooLittleMemory
from app.hardware import Accelerator, Machine, ThisMachine
from app.memory.giving_back import Unreturned, wait_until_returned
from app.memory.held import Held
from app.memory.loads import remember_load, worker_bytes
from app.memory.plan import Load, LoadPlan, at_work, plan_loads
from app.runtime import LoadedModel, Worker, start_worker


class Owner(Protocol):
    """Keeps models loaded. `title` is that of what it holds."""

    @property
    def title(self) -> str: ...

    def held(self, accelerators: Sequence[Accelerator]) -> Held | None:
        """May be asked from any thread."""


@dataclass(frozen=True)
class Situation:
    """This computer as it is now, and what is loaded on it, for who wants to load more.

    `loaded`, `idle`, `leaving` as `plan_loads` takes them. `worker_bytes`: of each process.
    """

    machine: Machine
    loaded: Held | None
    idle: tuple[Held, ...]
    leaving: tuple[Held, ...]
    worker_bytes: int

    @property
    def may_go(self) -> tuple[Held, ...]:
        """All that can be unloaded now."""
        of_the_set = (self.loaded,) if self.loaded else ()
        return (*self.leaving, *of_the_set, *(each for each in self.idle if not each.is_busy))

    def plan(self, loads: Sequence[Load]) -> LoadPlan:
        """How `loads` go into memory together."""
        return plan_loads(
            loads,
            self.machine,
            loaded=self.loaded,
            idle=self.idle,
            leaving=self.leaving,
            worker_bytes=self.worker_bytes,
        )

    def plan_alone(self, load: Load) -> LoadPlan:
        """How `load` goes into memory with all unloaded that may go."""
        return plan_loads(
            [load],
            self.machine,
            idle=[each for each in self.idle if each.is_busy],
            leaving=self.may_go,
            worker_bytes=self.worker_bytes,
        )


class Keeper:
    """Whoever loads models joins, plans from `situation` what it wants to load, and makes room before it does.

    From any thread; `situation` and `make_room` not from the GUI's. `database`: where loads are written down;
    `start_worker`: where workers come from.
    """

    def __init__(
        self,
        database: Path,
        read_machine: Callable[[], Machine] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        start_worker: Callable[[], Worker] = start_worker,
    ) -> None:
        self.database = database
        self.start_worker = start_worker
        self._sleep = sleep
        self._this_machine = ThisMachine()
        self._read_machine = read_machine or self._this_machine.read
        self._lock = threading.Lock()
        self._owners: list[Owner] = []

    def join(self, owner: Owner) -> None:
        with self._lock:
            self._owners.append(owner)

    def leave(self, owner: Owner) -> None:
        """Also where it never joined."""
        with self._lock:
            self._owners = [each for each in self._owners if each is not owner]

    def close(self) -> None:
        self._this_machine.close()

    def look_anew(self) -> None:
        """The runtime is another, which may use other devices of this computer; not from the GUI's thread."""
        self._this_machine.close()

    def held(self, accelerators: Sequence[Accelerator]) -> tuple[Held, ...]:
        """All that is loaded, on a computer with these accelerators."""
        return tuple(held for each in self._all() if (held := each.held(accelerators)) is not None)

    def situation(self, title: str | None = None, keeping: Owner | None = None) -> Situation:
        """What else is held under `title` is on its way out; `keeping`: but for this owner's, which is of the same
        set as what is to be loaded."""
        machine = self._read_machine()
        idle: list[Held] = []
        leaving: list[Held] = []
        for owner in self._all():
            held = owner.held(machine.accelerators) if owner is not keeping else None
            if held is not None:
                (leaving if owner.title == title else idle).append(held)
        return Situation(
            machine,
            keeping.held(machine.accelerators) if keeping is not None else None,
            tuple(idle),
            tuple(leaving),
            worker_bytes(self.database),
        )

    def make_room(self, plan: LoadPlan, leave: Callable[[], None] | None = None) -> tuple[Unreturned, ...]:
        """Unloads what gives way, and by `leave` what the caller gives up himself; tells what of their memory is not
        free afterwards.

        Raises TooLittleMemory where the plan is impossible, somebody began to work, or what is not free is needed.
        """
        plan.require()
        gone = (*plan.unloads, *(plan.leaves if leave else ()))
        before = self._read_machine() if gone else None
        for held in plan.unloads:
            if not held.unload():
                raise at_work([held])
        if leave:
            leave()
        if before is None:
            return ()
        unreturned = wait_until_returned(gone, before, self._read_machine, self._sleep)
        if unreturned and self.situation().plan(plan.loads).lack is not None:
            raise TooLittleMemory(unreturned[0].sentence, "Close other programs, then try again.")
        return unreturned

    def remember(self, load: Load, model: LoadedModel) -> None:
        """What a load really took, so that the next plan is better."""
        remember_load(
            self.database, load.facts, load.settings, model.description, load.accelerators, model.load_s
        )

    def _all(self) -> list[Owner]:
        with self._lock:
            return list(self._owners)
