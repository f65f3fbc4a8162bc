"""Who wrote something that is not finished: a process, told apart from a later one with its id."""

from __future__ import annotations

import os

# psutil is imported where it is needed: the window starts without it.

SAME_START_S = 2.0


def this_process() -> str:
    """The identity of this process: digits, a dot and a space."""
    import psutil

    # A process id alone is reused by the system; with its start time it is not.
    return f"{os.getpid()} {psutil.Process().create_time():.2f}"


def is_alive(process: str | None) -> bool:
    """Whether the process with this identity still runs; what is no identity does not."""
    import psutil

    try:
        pid, started = (process or "").split()
        found = psutil.Process(int(pid))
        if found.status() == psutil.STATUS_ZOMBIE:
            return False
        # Not to the digit: the system may set its clock meanwhile, and start times follow it.
        return abs(found.create_time() - float(started)) < SAME_START_S
    except psutil.AccessDenied:  # it is somebody's, and it lives
        return True
    except (psutil.Error, ValueError, OverflowError):
        return False
