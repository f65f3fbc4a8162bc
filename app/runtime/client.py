"""A worker process seen from the application.

The application starts itself again with a worker argument and speaks the protocol over the
child's stdin and stdout. stderr is the runtime's log: its last lines are kept and go with every
failure.
"""

from __future__ import annotations

import itertools
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from app.core.errors import FAULTS, Cancelled, EnvironmentFault, PromptTooLong, WorkerDied
from app.core.jobs import CancelToken
from app.core.own_process import own_command
from app.runtime.deaths import Ending, explain, memory_kills
from app.runtime.lifeline import Lifeline
from app.runtime.protocol import (
    ANSWERS,
    CALLS,
    FINAL_REPLIES,
    MESSAGE_LIMIT_BYTES,
    Cancel,
    Crashed,
    Failed,
    ProtocolError,
    Reply,
    Request,
    Stopped,
    frame,
    read_reply,
    write_frame,
)
from app.runtime.watchdog import LOOK_S, PATIENCE_S, Watchdog

WORKER_ARGUMENT = "--runtime-worker"
LOG_LINES = 200
LONGEST_LINE = 4096
"""Bytes; what is longer counts as several lines."""
CANCEL_GRACE_S = 3.0
"""After this long a worker that does not answer a Cancel is killed."""


class WorkerCrash(Exception):
    """A bug in the worker's own code; the message is its traceback."""

    @property
    def summary(self) -> str:
        """The traceback's last line."""
        return (str(self).strip().splitlines() or [""])[-1]


def worker_command() -> list[str]:
    """How this application starts itself as a worker."""
    return own_command(WORKER_ARGUMENT)


class _Call:
    """A request on its way, with the replies that have come. `is_over` once the worker has done with it."""

    def __init__(self, number: int, request: Request) -> None:
        self.number = number
        self.answers = (*ANSWERS[type(request)], Failed, Crashed, Stopped)
        self.replies: queue.SimpleQueue[Reply | None] = queue.SimpleQueue()
        self.is_over = threading.Event()


class Worker:
    """One child process, for any thread. What it does at the same time is in `protocol`."""

    def __init__(
        self,
        command: list[str],
        environment: Mapping[str, str] | None = None,
        patience_s: float | None = None,
    ) -> None:
        """`environment`: variables besides those of this process. `patience_s`: how long it may do nothing while an
        answer is due (see `Watchdog`), if not as long as usual."""
        folder = (environment or {}).get("LLAMA_CPP_LIB_PATH")
        self.runtime_folder = Path(folder) if folder else None
        """Of the runtime pack it runs on, if any."""
        self._lifeline = Lifeline()
        self._memory_kills = memory_kills()
        self._process = _start(command, environment or {}, self._lifeline)
        self._watchdog = Watchdog(self._process.pid, patience_s or PATIENCE_S)
        self._stalled_s: float | None = None
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._numbers = itertools.count()
        self._calls: dict[int, _Call] = {}
        self._calls_lock = threading.Lock()
        self._has_ended = False
        self._write_lock = threading.Lock()
        self._protocol_error: ProtocolError | None = None
        self._readers = (
            threading.Thread(target=self._read_replies, name="worker-replies", daemon=True),
            threading.Thread(target=self._read_log, name="worker-log", daemon=True),
        )
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def log(self) -> tuple[str, ...]:
        return tuple(self._log)

    def call(self, request: Request, cancel: CancelToken | None = None) -> Iterator[Reply]:
        """Sends `request` and yields its replies, the final one included.

        Raises the typed EnvironmentFault the worker reports, WorkerDied when the process ends
        without an answer, Cancelled when it was cancelled before it had a result, WorkerCrash
        for a bug in the worker.
        """
        cancel = cancel or CancelToken()
        cancel.raise_if_cancelled()
        call = self._open_call(request)
        try:
            self._send(call, request)
        except BaseException:
            with self._calls_lock:
                self._calls.pop(call.number, None)
            raise
        forget = cancel.on_cancel(lambda: self._cancel(call))
        try:
            reply: Reply | None = None
            while not isinstance(reply, FINAL_REPLIES):
                reply = self._next_reply(call)
                yield self._accept(reply, cancel)
        except GeneratorExit:
            # The caller lost interest midway; what still comes, nobody reads.
            if not isinstance(reply, FINAL_REPLIES):
                self._cancel(call)
            raise
        finally:
            forget()

    def call_for(self, request: Request, cancel: CancelToken | None = None) -> Reply:
        """The final reply to a request whose intermediate ones do not matter."""
        return list(self.call(request, cancel))[-1]

    def close(self) -> None:
        """Ends the process; returns when it is gone and its memory is free."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()  # the worker takes the end of its input as its end
        try:
            self._process.wait(timeout=CANCEL_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._lifeline.cut()
        for reader in self._readers:
            reader.join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next_reply(self, call: _Call) -> Reply | None:
        """None when the process has ended."""
        while True:
            try:
                return call.replies.get(timeout=LOOK_S)
            except queue.Empty:
                if self._watchdog.look() and self._stalled_s is None:
                    self._stalled_s = self._watchdog.idle_s
                    self._process.kill()

    def _accept(self, reply: Reply | None, cancel: CancelToken) -> Reply:
        if reply is None:
            death = self._death()  # waits until the process is gone, so that `alive` is right for the caller
            cancel.raise_if_cancelled()
            raise death
        if isinstance(reply, Failed):
            kind = FAULTS.get(reply.kind, EnvironmentFault)
            raise kind(reply.message, reply.hint, reply.log or self.log)
        if isinstance(reply, Crashed):
            raise WorkerCrash(reply.report)
        if isinstance(reply, Stopped):
            raise Cancelled
        return reply

    def _open_call(self, request: Request) -> _Call:
        with self._calls_lock:
            call = _Call(next(self._numbers) % CALLS, request)
            if not self._calls:
                self._memory_kills = memory_kills()  # it may have waited for hours
            if self._has_ended:
                call.replies.put(None)
            else:
                self._calls[call.number] = call
            return call

    def _send(self, call: _Call, message: Request) -> None:
        assert self._process.stdin is not None
        content = frame(call.number, message)  # what cannot be written down is no fault of the worker
        if len(content) > MESSAGE_LIMIT_BYTES:
            raise PromptTooLong(
                f"This has {len(content):,} bytes; {MESSAGE_LIMIT_BYTES:,} can be sent to the runtime.",
                "Start a new chat or shorten the prompt.",
            )
        try:
            with self._write_lock:
                write_frame(self._process.stdin, content)
        except (OSError, ValueError) as error:  # ValueError: closed meanwhile
            raise self._death() from error

    def _cancel(self, call: _Call) -> None:
        """Asks first; kills after a grace period, off the caller's thread."""

        def ask_then_kill() -> None:
            with suppress(WorkerDied):
                self._send(call, Cancel())
            if not call.is_over.wait(CANCEL_GRACE_S):
                self._process.kill()

        threading.Thread(target=ask_then_kill, name="worker-cancel", daemon=True).start()

    def _death(self) -> WorkerDied:
        if self._protocol_error is not None:
            self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=CANCEL_GRACE_S)
        self._readers[1].join(timeout=1.0)
        return explain(
            Ending(
                self._process.returncode,
                self.log,
                self._stalled_s,
                memory_kills() - self._memory_kills,
                self._protocol_error is not None,
            )
        )

    def _read_replies(self) -> None:
        assert self._process.stdout is not None
        try:
            while (numbered := read_reply(self._process.stdout)) is not None:
                self._deliver(*numbered)
        except ProtocolError as error:
            self._protocol_error = error
        finally:
            self._end_calls()

    def _deliver(self, number: int, reply: Reply) -> None:
        self._watchdog.reward()
        with self._calls_lock:
            call = self._calls.get(number)
            if call is None:
                raise ProtocolError(f"a reply to call {number}, which is not open")
            if not isinstance(reply, call.answers):
                raise ProtocolError(f"{type(reply).__name__} is no reply to call {number}")
            if isinstance(reply, FINAL_REPLIES):
                del self._calls[number]
                call.is_over.set()
        call.replies.put(reply)

    def _end_calls(self) -> None:
        """The process has ended, or nothing more from it can be understood."""
        with self._calls_lock:
            self._has_ended = True
            calls, self._calls = list(self._calls.values()), {}
        for call in calls:
            call.replies.put(None)
            call.is_over.set()

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        for line in iter(partial(self._process.stderr.readline, LONGEST_LINE), b""):
            self._log.append(line.decode("utf-8", "replace").rstrip())


def _start(command: list[str], environment: Mapping[str, str], lifeline: Lifeline) -> subprocess.Popen[bytes]:
    process = None
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **_environment(), **environment, **lifeline.environment},
            pass_fds=lifeline.pass_fds,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    finally:
        lifeline.hold(process)
    return process


def _environment() -> dict[str, str]:
    # A dying ggml would otherwise start a debugger to print a backtrace.
    variables = {"GGML_NO_BACKTRACE": "1"}
    if sys.platform == "linux" and not os.environ.get("GLIBC_TUNABLES"):
        # glibc then asks for huge pages for what is large. Decoding reads all weights for each token, and those that
        # the CPU backend has repacked lie in such memory: with 2 threads a model of 500 M is 8 % faster.
        variables["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1"
    return variables
