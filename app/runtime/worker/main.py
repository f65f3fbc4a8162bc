"""The worker's loop: one request at a time, cancel at any time, the end when stdin ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import IO

from app.core.errors import Cancelled, EnvironmentFault
from app.runtime.protocol import (
    Cancel,
    Crashed,
    Describe,
    DryRun,
    Failed,
    Generate,
    Load,
    ProtocolError,
    Quantize,
    Reply,
    Request,
    Score,
    Stopped,
    read_request,
    write_message,
)
from app.runtime.worker.lifeline import hold_on


class StopFlag:
    """Set from the input thread, read from Python and, as a C string, from inside llama.cpp.

    The string is empty while work goes on and one character long when it must stop, so that
    `strlen` on it tells. See `parameters.abort_callback` for why.
    """

    def __init__(self) -> None:
        self.buffer = ctypes.create_string_buffer(2)
        self._ends_process = False

    def set(self) -> None:
        self.buffer[0] = b"x"
        if self._ends_process:
            os._exit(0)

    @contextmanager
    def ends_process(self) -> Iterator[None]:
        """For native work that does not look at the flag and leaves nothing behind: a stop ends
        the process, and the application takes its silence for the cancel it asked for."""
        self._ends_process = True
        try:
            if self.is_set():
                os._exit(0)
            yield
        finally:
            self._ends_process = False

    def clear(self) -> None:
        self.buffer[0] = b"\0"

    def is_set(self) -> bool:
        return self.buffer.raw[0] != 0


def run_worker() -> int:
    """Serves requests until stdin ends. Never returns while the application lives."""
    # Ctrl+C in a terminal reaches the whole process group; the application decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hold_on()
    output = _claim_stdout()
    stop = StopFlag()
    requests: SimpleQueue[tuple[float, Request]] = SimpleQueue()
    threading.Thread(target=_read_requests, args=(sys.stdin.buffer, requests, stop), daemon=True).start()
    session = None
    while True:
        arrived_at, request = requests.get()
        try:
            if session is None:
                session = _open_session(output, stop)
            reply = session.handle(request, arrived_at)
        except Cancelled:
            reply = Stopped()
        except EnvironmentFault as fault:
            reply = _failed(fault)
        except Exception:  # the one place where a bug in the worker becomes a message
            reply = Crashed(report=traceback.format_exc())
        write_message(output, reply)


def _failed(fault: EnvironmentFault) -> Failed:
    from app.runtime.worker.log import recent_lines

    return Failed(kind=type(fault).__name__, message=fault.message, hint=fault.hint, log=recent_lines())


class Session:
    """Routes requests to the modules that meet them; holds the loaded model, if any."""

    def __init__(self, output: IO[bytes], stop: StopFlag) -> None:
        from app.runtime.worker.loading import LlamaModel

        self._output = output
        self._stop = stop
        self._model: LlamaModel | None = None

    def handle(self, request: Request, arrived_at: float) -> Reply:
        if isinstance(request, Load):
            return self._load(request)
        if isinstance(request, DryRun):
            from app.runtime.worker.dry_run import dry_run

            return dry_run(request, self._report, self._stop)
        if isinstance(request, Generate):
            return self._generate(request, arrived_at)
        if isinstance(request, Score):
            return self._score(request)
        if isinstance(request, Quantize):
            from app.runtime.worker.quantizing import quantize

            return quantize(request, self._report, self._stop)
        if isinstance(request, Describe):
            from app.runtime.worker.describing import describe

            return describe()
        raise AssertionError(f"{request} is handled where it arrives")

    def _load(self, request: Load) -> Reply:
        from app.runtime.worker.loading import load

        if self._model is not None:
            self._model.free()
            self._model = None
        self._model, reply = load(request, self._report, self._stop)
        return reply

    def _generate(self, request: Generate, arrived_at: float) -> Reply:
        from app.runtime.worker.generation import generate

        assert self._model is not None, "Generate before Load"
        return generate(self._model, request, arrived_at, self._report, self._stop)

    def _score(self, request: Score) -> Reply:
        from app.runtime.worker.scoring import score

        assert self._model is not None, "Score before Load"
        return score(self._model, request, self._report, self._stop)

    def _report(self, reply: Reply) -> None:
        write_message(self._output, reply)


def _open_session(output: IO[bytes], stop: StopFlag) -> Session:
    from app.runtime.worker.ggml import load_backends
    from app.runtime.worker.log import install_log

    install_log()
    load_backends()
    return Session(output, stop)


def _claim_stdout() -> IO[bytes]:
    """The protocol's stream. Whatever llama.cpp prints to stdout goes to stderr, the log."""
    protocol_descriptor = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(protocol_descriptor, "wb")


def _read_requests(stream: IO[bytes], requests: SimpleQueue[tuple[float, Request]], stop: StopFlag) -> None:
    """Runs beside the work, so that Cancel and the application's death are noticed at once."""
    try:
        while (request := read_request(stream)) is not None:
            if isinstance(request, Cancel):
                stop.set()
            else:
                stop.clear()  # a Cancel for the request before it may have come after its end
                requests.put((time.perf_counter(), request))
    except ProtocolError as error:
        print(f"nibble worker: {error}", file=sys.stderr, flush=True)
    # The application is gone or wants no more. Work may be deep inside llama.cpp: leave from here.
    os._exit(0)
