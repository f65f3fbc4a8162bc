"""Rest: how long a loaded model has been idle, and how long it may be."""

from __future__ import annotations

from collections.abc import Callable

UNASKED_S = 60.0
"""Whoever has a model loaded is about to ask it something: so long it is kept at least before the first answer."""


class Rest:
    """`keep_s`: for how many seconds of idleness a model is kept; None: without end. `clock` in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = clock()
        self._after_answer = False
        self.keep_s: float | None = None

    def begin(self, *, after_answer: bool) -> None:
        """From now on nothing is asked."""
        self._since = self._clock()
        self._after_answer = after_answer

    @property
    def left_s(self) -> float | None:
        """Zero and below: it has been idle for long enough."""
        if self.keep_s is None:
            return None
        keep_s = self.keep_s if self._after_answer else max(self.keep_s, UNASKED_S)
        return self._since + keep_s - self._clock()
