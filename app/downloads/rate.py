"""How fast bytes have come lately."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

_WINDOW_S = 8.0
_LEAST_S = 0.5


class MovingRate:
    """Over the last eight seconds, so that a pause or a faster network is soon seen in the time left."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def bytes_per_s(self, received: int) -> float | None:
        """With `received` bytes now; None until there is enough to tell."""
        now = self._clock()
        self._seen.append((now, received))
        while now - self._seen[0][0] > _WINDOW_S and len(self._seen) > 2:
            self._seen.popleft()
        since, first = self._seen[0]
        return (received - first) / (now - since) if now - since >= _LEAST_S else None
