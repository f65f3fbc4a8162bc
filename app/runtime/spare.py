"""A worker that has started before anybody needs it."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from app.core.errors import EnvironmentFault

if TYPE_CHECKING:
    from app.runtime.client import Worker

START_AFTER_S = 3.0
"""Not beside the window's own start, nor beside the load that has just taken the last one."""


class SpareWorker:
    """For an application that goes on for a while: Python's start and imports take longer than llama.cpp needs to
    load a small model, and a worker that waits has them behind it. It has no model and takes some 30 MB.

    For any thread. There is none at first; `prepare` has one started, and so has `take` after each that it gives.
    """

    def __init__(self, start_after_s: float = START_AFTER_S) -> None:
        self._start_after_s = start_after_s
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._waiting: tuple[str, Worker] | None = None
        """With the fingerprint of the runtime that it runs on."""
        self._is_closed = False

    def prepare(self) -> None:
        """In a while, in the background. Nothing where one waits already."""
        with self._lock:
            if self._is_closed or self._timer is not None or self._waiting is not None:
                return
            self._timer = threading.Timer(self._start_after_s, self._start)
            self._timer.daemon = True
            self._timer.start()

    def take(self) -> Worker:
        """The one that waits, if it lives and runs on what is now the best runtime; otherwise a new one."""
        from app.runtime.starting import runtime_fingerprint, start_worker

        with self._lock:
            waiting, self._waiting = self._waiting, None
        self.prepare()
        if waiting is None:
            return start_worker()
        fingerprint, worker = waiting
        if worker.alive and fingerprint == runtime_fingerprint():
            return worker
        worker.close()
        return start_worker()

    def let_go(self) -> None:
        """Ends the one that waits; another is started in a while."""
        with self._lock:
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting[1].close()
        self.prepare()

    def close(self) -> None:
        """For good."""
        with self._lock:
            self._is_closed = True
            timer, self._timer = self._timer, None
            waiting, self._waiting = self._waiting, None
        if timer is not None:
            timer.cancel()  # and if it is too late for that, `_start` sees what has happened
        if waiting is not None:
            waiting[1].close()

    def _start(self) -> None:
        # Here, on a thread of its own: the window's start needs nothing of this.
        from app.runtime.client import WorkerCrash
        from app.runtime.starting import runtime_fingerprint, start_worker

        waiting: tuple[str, Worker] | None = None
        # Whoever needs a worker will meet the same fault, and tell the person.
        with suppress(EnvironmentFault, WorkerCrash, OSError):
            waiting = runtime_fingerprint(), start_worker()
        with self._lock:
            self._timer = None
            if not self._is_closed:
                self._waiting, waiting = waiting, None
        if waiting is not None:
            waiting[1].close()
