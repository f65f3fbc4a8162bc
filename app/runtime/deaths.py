"""Why a worker ended: its exit code and its last words as a typed fault with a way forward."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import (
    DriverReset,
    KilledForMemory,
    UnknownInstruction,
    WorkerAborted,
    WorkerCrashed,
    WorkerDied,
    WorkerOutOfMemory,
    WorkerStalled,
)

LAST_WORDS = 30
"""Lines of the log, from its end, in which the reason for the end is looked for: what came before was survived."""

_LESS_MEMORY = "Choose a smaller quantization or a shorter context, or close other programs."
_FEWER_LAYERS = "Try again; if it happens again, put fewer layers on the graphics card or update its driver."

_OUT_OF_MEMORY = re.compile(
    r"out of memory|ErrorOutOf(Device|Host)Memory|std::bad_alloc|^MemoryError|kIOGPU\w*OutOfMemory", re.I
)
# CUDA's and HIP's descriptions of errors after which a context is unusable, Vulkan's, Metal's and WebGPU's of a device
# that is gone.
_DRIVER_RESET = re.compile(
    r"ErrorDeviceLost|device lost"
    r"|(CUDA|ROCm|MUSA) error: (unspecified launch failure|the launch timed out|an illegal (memory|instruction)"
    r"|misaligned address|uncorrectable|GPU is lost|unknown error|no CUDA-capable device)"
    r"|kIOGPU\w*(Timeout|Hang|SubmissionsIgnored|PageFault|DeviceRemoved)|Caused GPU (Hang|Timeout|Address Fault)",
    re.I,
)
_REMOTE = re.compile(r"Remote RPC server crashed|Failed to connect to |RPC handshake failed")
_ASSERTION = re.compile(r"^\S+\.\w+:\d+: (.{1,200})")

_ILLEGAL_INSTRUCTION, _BUS_ERROR, _ABORT, _KILL = "SIGILL", "SIGBUS", "SIGABRT", "SIGKILL"
_CRASHES = {"SIGSEGV", _BUS_ERROR, "SIGFPE", "SIGTRAP", "SIGSYS", _ILLEGAL_INSTRUCTION, _ABORT}

_NTSTATUS = {
    0xC0000005: "SIGSEGV",  # access violation
    0xC0000006: _BUS_ERROR,  # in-page error: what a file was mapped from could not be read
    0xC000001D: _ILLEGAL_INSTRUCTION,
    0xC0000094: "SIGFPE",  # division by zero
    0xC00000FD: "SIGSEGV",  # stack overflow
    0xC0000374: "SIGSEGV",  # heap corruption
    0xC0000409: _ABORT,  # fail fast, which is how the C library's abort ends
    3: _ABORT,  # the same, in older ones
}
"""Exit codes of Windows (ntstatus.h) by the signal that would have told the same."""


@dataclass(frozen=True)
class Ending:
    """How a worker ended, as far as the application saw.

    `return_code`: as `subprocess` gives it; None while the process is still there. `log`: its last lines. `stalled_s`:
    for how long it did nothing before the application ended it. `memory_kills`: of all processes, by the system, since
    it was given something to do. `broke_protocol`: the application ended it because it sent nonsense.
    """

    return_code: int | None
    log: tuple[str, ...]
    stalled_s: float | None = None
    memory_kills: int = 0
    broke_protocol: bool = False
    windows: bool = sys.platform == "win32"


def explain(ending: Ending) -> WorkerDied:
    """The fault that tells a person what happened and what to do."""
    kind, sentence, hint = _reason(ending)
    return kind(sentence, hint, ending.log)


def memory_kills() -> int:
    """How many processes Linux has ended for want of memory since it started, in control groups too; elsewhere 0."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


_Reason = tuple[type[WorkerDied], str, str]


def _reason(ending: Ending) -> _Reason:
    signal_name = _signal(ending)
    how = _ending(ending.return_code)
    if ending.stalled_s is not None:
        return (
            WorkerStalled,
            f"The runtime did nothing for {ending.stalled_s:.0f} seconds and was ended.",
            "Try again; if it happens again, check the disk the model is on, or update the graphics driver.",
        )
    if ending.broke_protocol:
        return (
            WorkerDied,
            "The runtime sent what nobody can read, and was ended.",
            "Try again; if it happens again, please report it with the log.",
        )
    if ending.return_code == 0:  # it was asked to
        return WorkerDied, f"The runtime that ran the model ended ({how}).", "Try again."
    words = ending.log[-LAST_WORDS:]
    for is_reason, reason in _READERS:
        if is_reason(words):
            return reason(how)
    if signal_name == _KILL:
        if ending.memory_kills:
            return (
                KilledForMemory,
                f"The computer ran out of memory, and the system ended the runtime ({how}).",
                _LESS_MEMORY,
            )
        return (
            WorkerDied,
            f"The runtime was ended from outside ({how}), by another program or by the system.",
            "Try again; if it happens again, memory may be short: choose a smaller quantization or close programs.",
        )
    if signal_name == _ILLEGAL_INSTRUCTION:
        return (
            UnknownInstruction,
            f"The runtime uses an instruction that this processor does not have ({how}).",
            "Install a Nibble that was built for this kind of processor.",
        )
    if signal_name == _BUS_ERROR:
        return (
            WorkerCrashed,
            f"A file in use, the model's or the runtime's, could not be read any more ({how}).",
            "Check that the model is whole and its disk connected, then try again.",
        )
    if signal_name == _ABORT and (check := _failed_check(words)):
        return (
            WorkerAborted,
            f"llama.cpp gave up at a check of its own: {check}.",
            "Try again with the default settings; if it happens again, the file may be damaged: download or convert it"
            " again, or choose another one.",
        )
    if signal_name in _CRASHES:
        return (
            WorkerCrashed,
            f"The runtime crashed ({how}).",
            "Try again; if it happens again, choose another file of this model, or update the graphics driver.",
        )
    return (
        WorkerDied,
        f"The runtime that ran the model ended unexpectedly ({how}).",
        "Try again; if it happens again, choose a smaller quantization or close other programs.",
    )


def _says(pattern: re.Pattern[str]) -> Callable[[tuple[str, ...]], bool]:
    return lambda words: any(pattern.search(line) for line in words)


_READERS: tuple[tuple[Callable[[tuple[str, ...]], bool], Callable[[str], _Reason]], ...] = (
    (
        _says(_OUT_OF_MEMORY),
        lambda how: (WorkerOutOfMemory, "There was too little memory to run the model.", _LESS_MEMORY),
    ),
    (
        _says(_DRIVER_RESET),
        lambda how: (DriverReset, f"The graphics driver gave up on the runtime ({how}).", _FEWER_LAYERS),
    ),
    (
        _says(_REMOTE),
        lambda how: (
            WorkerAborted,
            "The connection to the other computer that ran a part of the model broke.",
            "Check that its server runs and can be reached, then try again.",
        ),
    ),
)
"""What last words tell, whatever the signal was; of several the first counts."""


def _failed_check(words: tuple[str, ...]) -> str | None:
    """What ggml prints before it aborts: file, line and the condition."""
    for line in reversed(words):
        if match := _ASSERTION.match(line):
            return match[1].rstrip(".")
    return None


def _signal(ending: Ending) -> str | None:
    code = ending.return_code
    if code is None:
        return None
    if ending.windows:
        return _NTSTATUS.get(code & 0xFFFFFFFF)
    return _signal_name(-code) if code < 0 else None


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else str(number)


def _ending(return_code: int | None) -> str:
    if return_code is None:
        return "it no longer answers"
    if return_code < 0:
        return f"signal {_signal_name(-return_code)}"
    return f"exit code {return_code}" if return_code < 0x80000000 else f"exit code {return_code:#x}"
