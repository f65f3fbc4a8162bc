"""The GPU of Apple silicon, which works in main memory."""

from __future__ import annotations

import subprocess

from app.hardware.bandwidth import known_bandwidth
from app.hardware.machine import Accelerator, Memory

_SMALL_MACHINE_BYTES = 36 * 1024**3


def read_apple_gpu(memory: Memory, chip: str) -> tuple[Accelerator, ...]:
    """The GPU of a Mac with Apple silicon; empty on any other computer."""
    if not memory.unified:
        return ()
    return (describe_apple_gpu(memory, _wired_limit(), chip),)


def describe_apple_gpu(memory: Memory, sysctl: str, chip: str) -> Accelerator:
    """`chip`: the processor's name, `Apple M3 Max`. `sysctl`: the output of `sysctl -n iogpu.wired_limit_mb`, where
    0 or nothing means the default.

    The default is Metal's recommendedMaxWorkingSetSize as measured on many Macs: two thirds of memory up to
    36 GB, three quarters above (llama.cpp discussion 2182).
    """
    try:
        limit_bytes = int(sysctl) * 1024**2
    except ValueError:
        limit_bytes = 0
    if limit_bytes <= 0:
        small = memory.total_bytes <= _SMALL_MACHINE_BYTES
        limit_bytes = memory.total_bytes * 2 // 3 if small else memory.total_bytes * 3 // 4
    limit_bytes = min(limit_bytes, memory.total_bytes)
    return Accelerator(
        "Apple GPU",
        "Metal",
        limit_bytes,
        min(limit_bytes, memory.available_bytes),
        integrated=True,
        bandwidth_bytes_per_s=known_bandwidth(chip, memory.total_bytes),
    )


def _wired_limit() -> str:
    try:
        return subprocess.run(
            ["/usr/sbin/sysctl", "-n", "iogpu.wired_limit_mb"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
