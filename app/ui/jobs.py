"""The only place where engine callbacks become Qt events.

`run` starts a Job and delivers what it reports on the GUI thread:

    jobs.run(self, "Scan models", work, on_value=self._add, on_done=self._finish, on_failed=self._explain)

Whatever happens, `on_end` comes last and exactly once, so that is where a busy state is left. A bug in
the work goes to the "something went wrong in Nibble" notice by itself (see `bugs`). When the owner is
destroyed, its job is cancelled and nothing more is delivered; that is not an error.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import shiboken6
from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal, Slot

from app.core.errors import EnvironmentFault
from app.core.jobs import Emitted, Ended, Job, JobControl, JobState, Progress
from app.ui import bugs

T = TypeVar("T")


@dataclass(frozen=True)
class Handlers:
    """What to call on the GUI thread; each may be None."""

    progress: Callable[[Progress], None] | None = None
    value: Callable[[Any], None] | None = None
    done: Callable[[Any], None] | None = None
    failed: Callable[[EnvironmentFault], None] | None = None
    cancelled: Callable[[], None] | None = None
    end: Callable[[], None] | None = None


def run(
    owner: QObject,
    name: str,
    work: Callable[[JobControl], T],
    *,
    on_progress: Callable[[Progress], None] | None = None,
    on_value: Callable[[Any], None] | None = None,
    on_done: Callable[[T], None] | None = None,
    on_failed: Callable[[EnvironmentFault], None] | None = None,
    on_cancelled: Callable[[], None] | None = None,
    on_end: Callable[[], None] | None = None,
) -> Job[T]:
    """Runs `work(control)` on a thread of its own for `owner`; call from the GUI thread.

    `name` says what is being done ("Quantize bard"), for logs and bug reports.
    """
    handlers = Handlers(on_progress, on_value, on_done, on_failed, on_cancelled, on_end)
    line = _Line(_the_post())
    job = Job(name, work, line.send)
    _receivers[line] = _Receiver(owner, handlers, job)
    if _held is not None:
        _held.append(job)
        return job
    return job.start()


def hold() -> None:
    """Jobs that are run from now on begin at `begin_held`: while the window is put together, they would take turns with
    it, since Python runs one thread at a time."""
    global _held
    _held = _held or []


def begin_held() -> None:
    global _held
    held, _held = _held or [], None
    for job in held:
        job.start()


def running() -> tuple[Job[Any], ...]:
    """The jobs that have not told their end yet."""
    return tuple(receiver.job for receiver in _receivers.values())


def cancel_all(timeout_s: float) -> bool:
    """Cancels every job and waits for them; True when all ended in time. For leaving the program."""
    jobs = running()
    for job in jobs:
        job.cancel()
    begin_held()  # each ends once it has begun
    deadline = time.monotonic() + timeout_s
    for job in jobs:
        job.wait(max(deadline - time.monotonic(), 0.0))
    return not any(job.state is JobState.RUNNING for job in jobs)


class _Post(QObject):
    """Carries all jobs' events from their threads to the GUI thread.

    One for all and for good: a job's thread may still be inside `emit` when the event has arrived and been dealt with,
    and a sender that is destroyed meanwhile takes the program down.
    """

    arrived = Signal(object, object)
    """A line and what came over it."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @Slot(object, object)
    def _deliver(self, line: _Line, event: object) -> None:
        receiver = _receivers[line]
        try:
            receiver.receive(line.latest_of(event))
        finally:
            if isinstance(event, Ended):
                receiver.let_go()
                del _receivers[line]


class _Line:
    """The job's end: of what `run` has made, all that the job's thread touches. No Qt object, since that thread may be
    the last to hold it."""

    def __init__(self, post: _Post) -> None:
        self._post = post
        self._lock = threading.Lock()
        self._latest: Progress | None = None

    def send(self, event: object) -> None:
        """Called on the job's thread."""
        if isinstance(event, Progress):
            # At most one progress is on its way: thousands of reports per second must not fill the queue.
            with self._lock:
                waiting, self._latest = self._latest is not None, event
            if waiting:
                return
        try:
            self._post.arrived.emit(self, event)
        except RuntimeError:
            if shiboken6.isValid(self._post):
                raise
            # The program ends, and Qt was faster: there is nobody to tell.

    def latest_of(self, event: object) -> object:
        """`event`, or the progress that has come after it."""
        if not isinstance(event, Progress):
            return event
        with self._lock:
            latest, self._latest = self._latest, None
        return latest or event


class _Receiver(QObject):
    """The owner's end, of the GUI thread alone. Not a child of the owner: it stays until the job's end has come."""

    def __init__(self, owner: QObject, handlers: Handlers, job: Job[Any]) -> None:
        super().__init__()
        self.job = job
        self._owner = owner
        self._handlers = handlers
        owner.destroyed.connect(self._cancel)

    @Slot()
    def _cancel(self) -> None:
        self.job.cancel()

    def receive(self, event: object) -> None:
        if shiboken6.isValid(self._owner):
            self._dispatch(event)

    def let_go(self) -> None:
        # Nothing may refer from here to the owner any more: if this were the last to hold it, the owner would be
        # destroyed in the middle of this one's own end and call `_cancel` on it, which crashes.
        if shiboken6.isValid(self._owner):
            self._owner.destroyed.disconnect(self._cancel)
        self._handlers = _NO_HANDLERS
        del self._owner

    def _dispatch(self, event: object) -> None:
        handlers = self._handlers
        if isinstance(event, Progress):
            _call(handlers.progress, event)
        elif isinstance(event, Emitted):
            _call(handlers.value, event.value)
        elif isinstance(event, Ended):
            try:
                self._dispatch_end(event)
            finally:
                _call(handlers.end)

    def _dispatch_end(self, ended: Ended[Any]) -> None:
        if ended.state is JobState.DONE:
            _call(self._handlers.done, ended.result)
        elif ended.state is JobState.CANCELLED:
            _call(self._handlers.cancelled)
        elif isinstance(ended.error, EnvironmentFault):
            _call(self._handlers.failed, ended.error)
        elif ended.error is not None:
            bugs.reporter().report(ended.error, self.job.name)


def _the_post() -> _Post:
    """Made by the first job of the program, and a part of it."""
    global _post
    if _post is None or not shiboken6.isValid(_post):
        program = QCoreApplication.instance()
        assert program is not None
        _post = _Post(program)
    return _post


_post: _Post | None = None
_receivers: dict[_Line, _Receiver] = {}
"""Of each job whose end has not been delivered."""
_held: list[Job[Any]] | None = None
"""None while jobs begin at once."""
_NO_HANDLERS = Handlers()


def _call(handler: Callable[..., None] | None, *arguments: object) -> None:
    if handler is not None:
        handler(*arguments)
