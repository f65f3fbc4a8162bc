"""Is a worker at work? Told by what it does, not by how long it takes."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import psutil

LOOK_S = 1.0
"""Between two looks at a worker that has not answered yet."""

PATIENCE_S = 180.0
"""So long a worker may do nothing at all. Waiting for a graphics card counts as nothing: a batch of 512 tokens takes a
slow integrated one (a TFLOP/s) more than a minute with a model of 70 billion parameters."""


class Watchdog:
    """Watches one process. A look costs some 50 microseconds.

    Counts looks and not the clock, so that a computer that slept, or an application that was stopped together with
    its worker, does not take the worker for stalled.
    """

    def __init__(self, pid: int, patience_s: float = PATIENCE_S) -> None:
        self._looks = max(round(patience_s / LOOK_S), 1)
        self._idle_looks = 0
        self._looked_at = 0.0
        self._lock = threading.Lock()
        self._seen: tuple[float, ...] = ()
        try:
            self._process: psutil.Process | None = psutil.Process(pid)
        except psutil.Error:
            self._process = None

    @property
    def idle_s(self) -> float:
        return self._idle_looks * LOOK_S

    def reward(self) -> None:
        """The worker has answered something."""
        self._idle_looks = 0

    def look(self) -> bool:
        """Whether the worker has stalled: no processor time, no bytes read or written, no page brought in for as many
        looks as patience has. To be called every `LOOK_S` while an answer is due, by everybody who waits for one."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked_at >= LOOK_S * 0.9:
                self._looked_at = now
                self._count()
            return self._idle_looks >= self._looks

    def _count(self) -> None:
        try:
            seen = _activity(self._process) if self._process is not None else ()
        except psutil.Error:  # it is gone, which is told otherwise
            return
        if seen != self._seen:
            self._seen = seen
            self._idle_looks = 0
        else:
            self._idle_looks += 1


def _activity(process: psutil.Process) -> tuple[float, ...]:
    """Numbers of which at least one grows while the process does anything."""
    with process.oneshot():
        times = process.cpu_times()
        memory = process.memory_info()
        counters: list[float] = [times.user, times.system, getattr(memory, "pfaults", 0), memory.rss]
        if hasattr(process, "io_counters"):  # not on macOS
            with suppress(psutil.AccessDenied):
                counters += process.io_counters()
    return tuple(counters)
