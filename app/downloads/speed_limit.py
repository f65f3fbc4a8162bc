"""How many bytes a second all downloads together may take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_BURST_S = 0.1
"""What was not used lately may be made up for: threads that wait wake up late."""
_LOOK_S = 0.1


class SpeedLimit:
    """`bytes_per_s` may change at any time; 0 is no limit. For several threads."""

    def __init__(self, bytes_per_s: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._bytes_per_s = bytes_per_s
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = clock()

    @property
    def bytes_per_s(self) -> int:
        return self._bytes_per_s

    @bytes_per_s.setter
    def bytes_per_s(self, bytes_per_s: int) -> None:
        with self._lock:
            self._bytes_per_s = bytes_per_s
            self._free_at = self._clock()

    def take(self, count: int, stopped: threading.Event) -> None:
        """Returns when `count` more bytes may come, or soon after `stopped` is set."""
        while (wait_s := self._book(count)) > 0 and not stopped.wait(min(wait_s, _LOOK_S)):
            pass

    def _book(self, count: int) -> float:
        """Seconds until it is worth asking again; 0 where they may come now."""
        with self._lock:
            if self._bytes_per_s <= 0:
                return 0.0
            now = self._clock()
            if now < self._free_at:
                return self._free_at - now
            self._free_at = max(self._free_at, now - _BURST_S) + count / self._bytes_per_s
            return 0.0
