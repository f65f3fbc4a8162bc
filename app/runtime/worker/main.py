"""The worker's process: requests come in on one thread and are met on another; it ends when stdin does."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import IO, TYPE_CHECKING

from app.runtime.protocol import Cancel, ProtocolError, Stopped, read_request
from app.runtime.worker.failing import failed
from app.runtime.worker.lifeline import hold_on
from app.runtime.worker.line import Call, Line
from app.runtime.worker.output import Output, claim_stdout

if TYPE_CHECKING:
    from app.runtime.worker.session import Session


def run_worker() -> int:
    """Serves requests until stdin ends. Never returns while the application lives."""
    # Ctrl+C in a terminal reaches the whole process group; the application decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hold_on()
    output = claim_stdout()
    line = Line()
    threading.Thread(target=_read_requests, args=(sys.stdin.buffer, line, output), daemon=True).start()
    while True:
        try:
            session = _open_session(line, output)  # before it is asked for anything: it may be a spare one
        except Exception as error:  # llama.cpp cannot be loaded: whoever asks is told
            call = line.first(wait=True)
            if call is not None and line.begin(call):
                output.send(call.number, failed(error))
                line.end(call.number)
        else:
            session.serve()


def _open_session(line: Line, output: Output) -> Session:
    from app.runtime.worker.bindings import import_bindings

    import_bindings()  # before anything else imports llama_cpp
    from app.runtime.worker.ggml import load_backends
    from app.runtime.worker.log import install_log
    from app.runtime.worker.rpc_devices import add_rpc_devices
    from app.runtime.worker.session import Session

    install_log()
    load_backends()
    add_rpc_devices()
    return Session(line, output)


def _read_requests(stream: IO[bytes], line: Line, output: Output) -> None:
    """Runs beside the work, so that Cancel and the application's death are noticed at once."""
    try:
        while (numbered := read_request(stream)) is not None:
            number, request = numbered
            if not isinstance(request, Cancel):
                line.join(Call(number, request, time.perf_counter()))
            elif line.cancel(number):
                output.send(number, Stopped())
    except ProtocolError as error:
        print(f"nibble worker: {error}", file=sys.stderr, flush=True)
    # The application is gone or wants no more. Work may be deep inside llama.cpp: leave from here.
    os._exit(0)
