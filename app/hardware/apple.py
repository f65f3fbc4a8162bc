"""The GPU of Apple silicon, which works in main memory."""

from __future__ import annotations

import subprocess

from app.hardware.bandwidth import known_bandwidth
from app.hardware.machine import Accelerator, Memory

_SMALL_MACHINE_BYTES = 36 * 1024**3


def read_apple_gpu(memory: Memory) -> tuple[tuple[Accelerator, ...], tuple[str, ...]]:
    """The GPU of a Mac with Apple silicon, none on any other computer; and a note where a limit may be hidden."""
    if not memory.unified:
        return (), ()
    told = _sysctl("machdep.cpu.brand_string", "iogpu.wired_limit_mb")
    notes = () if told else ("The system does not tell whether the GPU's share of memory has been changed.",)
    return (parse_apple_gpu(told, memory),), notes


def parse_apple_gpu(text: str, memory: Memory) -> Accelerator:
    """From the output of `sysctl machdep.cpu.brand_string iogpu.wired_limit_mb`, where a limit of 0 or none at all
    means the default.

    The default is Metal's recommendedMaxWorkingSetSize as measured on many Macs: two thirds of memory up to
    36 GB, three quarters above (llama.cpp discussion 2182). The runtime's device has the real one.
    """
    told = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())
    }
    limit_text = told.get("iogpu.wired_limit_mb", "")
    limit_bytes = int(limit_text) * 1024**2 if limit_text.isascii() and limit_text.isdigit() else 0
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
        bandwidth_bytes_per_s=known_bandwidth(told.get("machdep.cpu.brand_string", ""), memory.total_bytes),
    )


def _sysctl(*names: str) -> str:
    try:
        return subprocess.run(
            ["/usr/sbin/sysctl", *names], capture_output=True, text=True, timeout=1, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
