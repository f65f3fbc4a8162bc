"""Sources that may never answer, such as a driver that hangs: asked on a thread of their own and left behind there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_HANGS_AFTER_S = 2.0
"""Nobody waits that long for an answer."""


class NoAnswer(Exception):
    """The message is a sentence for the person."""


class Question(Generic[T]):
    """`Question("The NVIDIA driver", ask).answer(2.0)`; asked at once, so several run side by side.

    While an earlier question to the same source hangs, a new one is not asked: there would be one more lost
    thread each time somebody looks.
    """

    def __init__(self, source: str, ask: Callable[[], T]) -> None:
        self._source = source
        self._asking = None if _is_hanging(source) else _Asking(source, ask)
        if self._asking is not None:
            self._asking.start()

    @property
    def open(self) -> bool:
        """Whether the answer is still to come."""
        return self._asking is not None and self._asking.is_alive()

    def answer(self, within_s: float) -> T:
        """Raises NoAnswer when there is none in that time, or an error in its place."""
        if self._asking is not None:
            self._asking.join(max(within_s, 0.0))
        if self._asking is None or self._asking.is_alive():
            raise NoAnswer(f"{self._source} does not answer.")
        if self._asking.error is not None:
            raise NoAnswer(f"{self._source} cannot be asked: {_words(self._asking.error)}.")
        return self._asking.found[0]


class _Asking(threading.Thread, Generic[T]):
    def __init__(self, source: str, ask: Callable[[], T]) -> None:
        super().__init__(name=source, daemon=True)
        self.begun = time.monotonic()
        self.found: list[T] = []
        self.error: Exception | None = None
        self._ask = ask

    def run(self) -> None:
        try:
            self.found.append(self._ask())
        except Exception as error:  # a driver's bindings raise what they like; the answer says so
            self.error = error


def _is_hanging(source: str) -> bool:
    return any(
        isinstance(thread, _Asking)
        and thread.name == source
        and time.monotonic() - thread.begun > _HANGS_AFTER_S
        for thread in threading.enumerate()
    )


def _words(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
