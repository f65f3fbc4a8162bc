"""The machine that plans start from: what its runtime can use of it, as fast as it was measured to be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from app.hardware.machine import Machine
from app.hardware.memory_speed import with_measured_bandwidth
from app.hardware.probe import probe
from app.hardware.runtime_devices import ask_runtime, with_runtime_devices
from app.runtime.protocol import Described


def probe_usable(cache: Path) -> tuple[Machine, Described | None]:
    """This computer, and what a worker says of its runtime; None and a note where it says nothing.

    Takes as long as a process takes to start: run it in a Job. `cache`: the folder of what was measured before.
    """
    machine = probe()
    runtime, notes = ask_runtime()
    return usable(replace(machine, notes=machine.notes + notes), runtime, cache), runtime


def usable(machine: Machine, runtime: Described | None, cache: Path) -> Machine:
    """`machine` as drivers tell of it, with what `runtime` can use of it and what was measured on it."""
    if runtime is not None:
        machine = with_runtime_devices(machine, runtime.devices)
    return with_measured_bandwidth(machine, cache)
