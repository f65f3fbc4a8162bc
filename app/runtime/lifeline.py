"""What ends a worker when the application is gone, however that ended and whatever the worker is doing.

A worker leaves when its input ends, but one deep inside a call that holds Python's lock does not see it. So the system
is told beforehand to end it. The other end is `app.runtime.worker.lifeline`.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

PIPE_VARIABLE = "NIBBLE_LIFELINE"
"""On Linux the descriptor of a pipe on which nothing is ever sent: it ends when the application does."""

APPLICATION_VARIABLE = "NIBBLE_APPLICATION"
"""On macOS the application's process id, whose end the system announces."""


class Lifeline:
    """Made before the worker is started with `environment` and `pass_fds`; then it must `hold` the process."""

    def __init__(self) -> None:
        self.environment: dict[str, str] = {}
        self.pass_fds: tuple[int, ...] = ()
        self._kept: list[int] = []
        self._job: int | None = None
        if sys.platform == "linux":
            reading, writing = os.pipe()
            self.environment[PIPE_VARIABLE] = str(reading)
            self.pass_fds = (reading,)
            self._kept = [writing]
        elif sys.platform == "darwin":
            self.environment[APPLICATION_VARIABLE] = str(os.getpid())

    def hold(self, process: subprocess.Popen[bytes] | None) -> None:
        """`process` has been started, or None where that failed."""
        for descriptor in self.pass_fds:
            os.close(descriptor)
        self.pass_fds = ()
        if process is None:
            self.cut()
        elif sys.platform == "win32":
            self._job = _job_of(process)

    def cut(self) -> None:
        """Ends the worker, where the system can do that, if it has not ended yet."""
        while self._kept:
            os.close(self._kept.pop())
        if sys.platform == "win32" and self._job is not None:
            import ctypes

            ctypes.WinDLL("kernel32").CloseHandle(ctypes.c_void_p(self._job))
            self._job = None


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _KILL_ON_JOB_CLOSE = 0x2000
    _EXTENDED_LIMIT_INFORMATION = 9

    class _BasicLimits(ctypes.Structure):
        """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

        _fields_ = (
            ("PerProcessUserTimeLimit", wintypes.LARGE_INTEGER),
            ("PerJobUserTimeLimit", wintypes.LARGE_INTEGER),
            ("LimitFlags", wintypes.DWORD),
            ("MinimumWorkingSetSize", ctypes.c_size_t),
            ("MaximumWorkingSetSize", ctypes.c_size_t),
            ("ActiveProcessLimit", wintypes.DWORD),
            ("Affinity", ctypes.c_size_t),
            ("PriorityClass", wintypes.DWORD),
            ("SchedulingClass", wintypes.DWORD),
        )

    class _ExtendedLimits(ctypes.Structure):
        """JOBOBJECT_EXTENDED_LIMIT_INFORMATION; between the limits are six counters of input and output."""

        _fields_ = (
            ("BasicLimitInformation", _BasicLimits),
            ("IoInfo", ctypes.c_ulonglong * 6),
            ("ProcessMemoryLimit", ctypes.c_size_t),
            ("JobMemoryLimit", ctypes.c_size_t),
            ("PeakProcessMemoryUsed", ctypes.c_size_t),
            ("PeakJobMemoryUsed", ctypes.c_size_t),
        )

    def _job_of(process: subprocess.Popen[bytes]) -> int | None:
        """A job object that holds `process` and ends it when the last handle is closed: ours, which the system
        closes when the application ends. None where the system refuses, as in a job that allows none inside."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = wintypes.HANDLE
        job = kernel.CreateJobObjectW(None, None)
        if not job:
            return None
        limits = _ExtendedLimits()
        limits.BasicLimitInformation.LimitFlags = _KILL_ON_JOB_CLOSE
        handle = wintypes.HANDLE(job)
        made = kernel.SetInformationJobObject(
            handle, _EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), ctypes.sizeof(limits)
        ) and kernel.AssignProcessToJobObject(handle, wintypes.HANDLE(int(process._handle)))  # type: ignore[attr-defined]
        if not made:
            with suppress(OSError):
                kernel.CloseHandle(handle)
            return None
        return int(job)
