"""Asks the system to end this process when the application is gone (see `app.runtime.lifeline`).

Nothing here runs when that happens: no Python code could while a call holds Python's lock, or this process is stopped.
"""

from __future__ import annotations

import os
import select
import signal
import sys

from app.runtime.lifeline import APPLICATION_VARIABLE, PIPE_VARIABLE


def hold_on() -> None:
    """To be called before anything that could take long. Ends the process where the application is gone already."""
    if sys.platform == "linux" and (descriptor := os.environ.pop(PIPE_VARIABLE, "")):
        _end_with_pipe(int(descriptor))
    elif sys.platform == "darwin" and (application := os.environ.pop(APPLICATION_VARIABLE, "")):
        _end_with_process(int(application))


if sys.platform == "linux":

    def _end_with_pipe(descriptor: int) -> None:
        """The kernel sends a signal when something happens on the pipe, which can only be its end.

        Not PR_SET_PDEATHSIG: that comes when the *thread* ends that started this process. SIGKILL, since it is the
        only one that also ends a process that is stopped.
        """
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)
        # It may have ended before that.
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if poll.poll(0):
            os._exit(0)


if sys.platform == "darwin":

    def _end_with_process(application: int) -> None:
        """libdispatch calls the C library's `_exit` on a thread of its own when `application` has ended."""
        import ctypes

        exited = 0x80000000  # DISPATCH_PROC_EXIT
        system = ctypes.CDLL(None)
        pointer = ctypes.c_void_p
        for function, result, arguments in (
            ("dispatch_get_global_queue", pointer, (ctypes.c_long, ctypes.c_ulong)),
            ("dispatch_source_create", pointer, (pointer, ctypes.c_size_t, ctypes.c_ulong, pointer)),
            ("dispatch_set_context", None, (pointer, pointer)),
            ("dispatch_source_set_event_handler_f", None, (pointer, pointer)),
            ("dispatch_resume", None, (pointer,)),
        ):
            native = getattr(system, function)
            native.restype, native.argtypes = result, arguments
        kind = ctypes.addressof(ctypes.c_char.in_dll(system, "_dispatch_source_type_proc"))
        queue = system.dispatch_get_global_queue(0, 0)
        source = system.dispatch_source_create(kind, application, exited, queue)
        system.dispatch_set_context(source, None)  # what `_exit` is called with: 0
        system.dispatch_source_set_event_handler_f(source, ctypes.cast(system._exit, pointer))
        system.dispatch_resume(source)
        if os.getppid() != application:  # it ended before that
            os._exit(0)
