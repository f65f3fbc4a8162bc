"""The line of requests: who comes first begins first, and anybody may be cancelled at any time."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from app.runtime.protocol import Request
from app.runtime.worker.stop_flag import StopFlag


@dataclass(frozen=True)
class Call:
    """A request, the number its replies carry, and when it came (`time.perf_counter`)."""

    number: int
    request: Request
    arrived_at: float


class Line:
    """Filled by the thread that reads requests, emptied by the one that meets them. `waiting` is there to be looked
    at between two tokens, without a lock.

    The stop flag is set exactly while a request that has begun is to end, so that work stops for
    nobody else's sake.
    """

    def __init__(self) -> None:
        self.stop = StopFlag()
        self._changed = threading.Condition()
        self.waiting: deque[Call] = deque()
        self._begun: set[int] = set()
        self._cancelled: set[int] = set()

    def join(self, call: Call) -> None:
        with self._changed:
            self.waiting.append(call)
            self._changed.notify()

    def cancel(self, number: int) -> bool:
        """True where the request had not begun: it never will, and nobody else answers it."""
        with self._changed:
            for call in self.waiting:
                if call.number == number:
                    self.waiting.remove(call)
                    return True
            if number in self._begun:
                self._cancelled.add(number)
                self.stop.set()
            return False

    def first(self, *, wait: bool) -> Call | None:
        """Who is next. Still in line, and may be gone by the time it is to begin."""
        with self._changed:
            while wait and not self.waiting:
                self._changed.wait()
            return self.waiting[0] if self.waiting else None

    def begin(self, call: Call) -> bool:
        """Takes `call` out of the line; False where it was cancelled meanwhile."""
        with self._changed:
            if not self.waiting or self.waiting[0] is not call:
                return False
            self.waiting.popleft()
            self._begun.add(call.number)
            return True

    def cancelled(self) -> set[int]:
        """Those that have begun and are to end now. Told once."""
        with self._changed:
            cancelled, self._cancelled = self._cancelled, set()
            self.stop.clear()
            return cancelled

    def end(self, number: int) -> None:
        """The request has its final reply: a Cancel that comes later meets nobody."""
        with self._changed:
            self._begun.discard(number)
            self._cancelled.discard(number)
            if not self._cancelled:
                self.stop.clear()
