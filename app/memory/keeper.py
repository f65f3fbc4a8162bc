"""Keeper: which models this Nibble has loaded, and what gives way when others are wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from app.gguf import ModelFacts
from app.hardware import Accelerator, Machine, ThisMachine
from app.memory.held import Held
from app.memory.loads import remember_load, worker_bytes
from app.memory.plan import Load, LoadPlan, at_work, plan_loads
from app.runtime import LoadSettings, ModelDescription


class Owner(Protocol):
    """Keeps models loaded. `title` is that of what it holds."""

    @property
    def title(self) -> str: ...

    def held(self, accelerators: Sequence[Accelerator]) -> Held | None:
        """May be asked from any thread."""


class Keeper:
    """Whoever loads models joins, plans here what it wants to load, and makes room before it does.

    From any thread; `plan` and `make_room` not from the GUI's.
    """

    def __init__(self, database: Path, read_machine: Callable[[], Machine] | None = None) -> None:
        self._database = database
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

    def held(self, accelerators: Sequence[Accelerator]) -> tuple[Held, ...]:
        """All that is loaded, on a computer with these accelerators."""
        return tuple(held for each in self._all() if (held := each.held(accelerators)) is not None)

    def plan(self, title: str, loads: Sequence[Load], keeping: Owner | None = None) -> LoadPlan:
        """How `loads` go into this computer's memory as it is now.

        What else is held under `title` is on its way out; `keeping`: but for this owner's, which is of the same set.
        """
        machine = self._read_machine()
        idle: list[Held] = []
        leaving: list[Held] = []
        for owner in self._all():
            held = owner.held(machine.accelerators) if owner is not keeping else None
            if held is not None:
                (leaving if owner.title == title else idle).append(held)
        return plan_loads(
            loads,
            machine,
            loaded=keeping.held(machine.accelerators) if keeping is not None else None,
            idle=idle,
            leaving=leaving,
            worker_bytes=worker_bytes(self._database),
        )

    def make_room(self, plan: LoadPlan) -> None:
        """Unloads what gives way. Raises TooLittleMemory where the plan is impossible or somebody began to work."""
        plan.require()
        for held in plan.unloads:
            if not held.unload():
                raise at_work([held])

    def remember(self, facts: ModelFacts, settings: LoadSettings, description: ModelDescription) -> None:
        """What a load really took, so that the next plan is better."""
        remember_load(self._database, facts, settings, description)

    def _all(self) -> list[Owner]:
        with self._lock:
            return list(self._owners)
