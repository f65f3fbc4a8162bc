"""This computer for whoever is about to load something: looked at once, and from then on what changes."""

from __future__ import annotations

import threading

from app.hardware.live import LiveMachine
from app.hardware.machine import Machine
from app.hardware.probe import probe
from app.hardware.runtime_devices import ask_runtime, with_runtime_devices


class ThisMachine:
    """`read` from any thread but the GUI's: a tenth of a second the first time, and where there are graphics as long
    as a process takes to start, since only the runtime knows which it can use; a millisecond from then on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: LiveMachine | None = None

    def read(self) -> Machine:
        with self._lock:
            if self._live is None:
                machine = probe()
                if machine.accelerators:
                    described, _ = ask_runtime()
                    machine = with_runtime_devices(machine, described.devices if described else ())
                self._live = LiveMachine(machine)
            return self._live.read()

    def close(self) -> None:
        """Lets go of the drivers that were opened."""
        with self._lock:
            live, self._live = self._live, None
        if live is not None:
            live.close()
