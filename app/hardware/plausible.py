"""Numbers that a driver cannot mean are put right, and said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from app.hardware.machine import Accelerator

_MOST_BYTES = 1 << 50


def plausible(accelerators: Iterable[Accelerator]) -> tuple[tuple[Accelerator, ...], tuple[str, ...]]:
    """Those with a memory that can be, with no more of it free than there is, and a note on each change."""
    kept: list[Accelerator] = []
    notes: list[str] = []
    for accelerator in accelerators:
        total, free = accelerator.total_bytes, accelerator.free_bytes
        if not 0 < total < _MOST_BYTES:
            notes.append(f"{accelerator.name} is left out: its driver says it has {total:,} bytes of memory.")
            continue
        if not 0 <= free <= total:
            notes.append(f"The driver of {accelerator.name} says that {free:,} of {total:,} bytes are free.")
        kept.append(replace(accelerator, free_bytes=min(max(free, 0), total)))
    return tuple(kept), tuple(notes)
