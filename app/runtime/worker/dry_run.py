"""What a load would allocate, asked of llama.cpp itself, which then does everything but that."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import llama_cpp
import psutil

from app.core.errors import LoadFailed
from app.runtime.protocol import DryRun, DryRunDone, DryRunResult, Failed, Reply
from app.runtime.worker.buffers import BufferLog
from app.runtime.worker.loading import make_context, open_model, require_file
from app.runtime.worker.log import listening
from app.runtime.worker.parameters import devices_of, model_parameters, require_possible_here
from app.runtime.worker.rpc_devices import require_rpc_servers_free
from app.runtime.worker.stop_flag import StopFlag

MEMORY_LIMIT_BYTES = 1 << 31
"""Vocabulary, recurrent state and output buffer are allocated all the same. No real model takes a quarter of
this for a sequence (Kimi K3: 0.5 GB); a header that lies may ask for anything."""
WATCH_S = 0.02


def dry_run(request: DryRun, report: Callable[[Reply], None], stop: StopFlag) -> DryRunDone:
    """Reads the header and reserves caches and graphs without memory for them.

    A header may make llama.cpp end the process. Raises FileGone, WrongChoice, UnknownArchitecture, LoadFailed.
    """
    require_file(request.path)
    require_possible_here(request.settings)
    parameters = model_parameters(request.settings)
    require_rpc_servers_free(devices_of(parameters))
    parameters.no_alloc = True
    parameters.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE  # with any that maps, no_alloc ends the process
    log = BufferLog(dry_run=True)
    with listening(log.read), _limited_memory(report), stop.ends_process():
        model = open_model(request.path, parameters)
        context = make_context(model, request.settings, stop)
        result = DryRunResult(
            weights_bytes=llama_cpp.llama_model_size(model),
            context_length=llama_cpp.llama_n_ctx(context),
            buffers=log.buffers(),
        )
        llama_cpp.llama_free(context)
        llama_cpp.llama_model_free(model)
    return DryRunDone(result=result)


@contextmanager
def _limited_memory(report: Callable[[Reply], None]) -> Iterator[None]:
    """Ends the process, with a fault, when it grows by more than `MEMORY_LIMIT_BYTES` inside the block.

    Watched and not set as a limit of the system: there is none on Windows, and graphics drivers reserve
    address space far beyond any.
    """
    process = psutil.Process()
    limit = process.memory_info().rss + MEMORY_LIMIT_BYTES
    done = threading.Event()

    def watch() -> None:
        while not done.wait(WATCH_S):
            if process.memory_info().rss > limit:
                fault = LoadFailed(
                    "llama.cpp cannot say what this model would take: even asking takes too much memory.",
                    "Choose fewer sequences; if that does not help, the file may be damaged.",
                )
                report(Failed(kind=type(fault).__name__, message=fault.message, hint=fault.hint))
                os._exit(0)

    watcher = threading.Thread(target=watch, name="memory-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
