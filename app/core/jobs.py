"""Job: everything that takes longer than 50 ms.

A job runs one function on a thread of its own. While it runs it reports progress and emits
values (a streamed token batch, say); it ends exactly once, with one result or one error.
Listeners are called on the job's thread: `app.ui.jobs` is the place where that becomes Qt signals.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from app.core.errors import Cancelled

T = TypeVar("T")


class JobState(Enum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Progress:
    """How far a job is. `done` and `total` are in `unit`; `total` 0 means not known.

    `rate_per_s` is in units per second, `left_s` in seconds; None until they can be told.
    """

    stage: str
    done: float = 0.0
    total: float = 0.0
    unit: str = ""
    rate_per_s: float | None = None
    left_s: float | None = None

    @property
    def fraction(self) -> float | None:
        return min(self.done / self.total, 1.0) if self.total > 0 else None


class CancelToken:
    """Set once; work polls it or registers what must happen at once."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    def cancel(self) -> None:
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        if self.cancelled:
            raise Cancelled

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls `callback` when cancelled (now, if that has happened); returns its removal."""
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return lambda: self._forget(callback)
        callback()
        return lambda: None

    def _forget(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)


class RateMeter:
    """Turns `done` of `total` into a rate and the time left; one meter for one stage."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stage: str | None = None
        self._started = 0.0
        self._first = 0.0

    def measure(self, stage: str, done: float, total: float, unit: str) -> Progress:
        now = self._clock()
        if stage != self._stage:
            self._stage, self._started, self._first = stage, now, done
        elapsed, gained = now - self._started, done - self._first
        if elapsed < 0.2 or gained <= 0:
            return Progress(stage, done, total, unit)
        rate = gained / elapsed
        left = max(total - done, 0.0) / rate if total > 0 else None
        return Progress(stage, done, total, unit, rate, left)


class JobControl:
    """What running work sees of its job."""

    def __init__(self, cancel: CancelToken, publish: Callable[[object], None]) -> None:
        self.cancel = cancel
        self._publish = publish
        self._meter = RateMeter()

    def progress(self, stage: str, done: float = 0.0, total: float = 0.0, unit: str = "") -> None:
        self._publish(self._meter.measure(stage, done, total, unit))

    def emit(self, value: object) -> None:
        """Hands an intermediate value to the listeners."""
        self._publish(Emitted(value))


@dataclass(frozen=True)
class Emitted:
    value: object


@dataclass(frozen=True)
class Ended(Generic[T]):
    """The last event of a job. Exactly one of `result` (state DONE) and `error` counts."""

    state: JobState
    result: T | None = None
    error: BaseException | None = None


JobEvent = Progress | Emitted | Ended[T]
Listener = Callable[[JobEvent[T]], None]


class Job(Generic[T]):
    """`Job(name, work).start()`; `work(control)` returns the result or raises."""

    def __init__(
        self, name: str, work: Callable[[JobControl], T], listener: Listener[T] | None = None
    ) -> None:
        self.name = name
        self._work = work
        self._listener = listener
        self._token = CancelToken()
        self._thread = threading.Thread(target=self._run, name=f"job:{name}", daemon=True)
        self._over = threading.Event()
        self._ended: Ended[T] | None = None

    def start(self) -> Job[T]:
        self._thread.start()
        return self

    def cancel(self) -> None:
        self._token.cancel()

    @property
    def state(self) -> JobState:
        return self._ended.state if self._ended else JobState.RUNNING

    def wait(self, timeout_s: float | None = None) -> bool:
        """True when the job has ended and its listener was told."""
        # Not Thread.join: in Python 3.11 a Ctrl+C inside it marks a running thread as ended.
        return self._over.wait(timeout_s)

    def result(self, timeout_s: float | None = None) -> T:
        """The result; raises the job's error, `Cancelled`, or TimeoutError."""
        if not self.wait(timeout_s):
            raise TimeoutError(f"{self.name} is still running")
        assert self._ended is not None
        if self._ended.error is not None:
            raise self._ended.error
        return self._ended.result  # type: ignore[return-value]

    def _run(self) -> None:
        control = JobControl(self._token, self._publish)
        try:
            ended = Ended(JobState.DONE, result=self._work(control))
        except Cancelled as error:
            ended = Ended(JobState.CANCELLED, error=error)
        except BaseException as error:
            ended = Ended(JobState.FAILED, error=error)
        self._ended = ended
        try:
            self._publish(ended)
        finally:
            self._over.set()

    def _publish(self, event: object) -> None:
        if self._listener is not None:
            self._listener(event)  # type: ignore[arg-type]
