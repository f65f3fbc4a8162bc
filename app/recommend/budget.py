"""Budget: how much of a machine a model may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.hardware import Accelerator, Machine
from app.hardware.bandwidth import known_device
from app.memory.held import Held
from app.memory.overhead import WORKER_BYTES, backend_overhead
from app.memory.placement import used_together
from app.recommend.speed import (
    OPERATIONS_PER_BYTE,
    UNKNOWN_ACCELERATOR_BYTES_PER_S,
    UNKNOWN_MEMORY_BYTES_PER_S,
    Learned,
)

NOTICEABLE_BYTES = 300_000_000
"""What has to become free or be taken before verdicts are worked out anew: else a list would never be still."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Bytes that a model may take and how fast they are read.

    `accelerator_bytes`: on all accelerators together, 0 without; `is_shared`: they are part of `memory_bytes`.
    `learned`: from answers on this machine (`app.recommend.runs`).
    """

    accelerator_bytes: int
    memory_bytes: int
    accelerator_bytes_per_s: float
    memory_bytes_per_s: float
    is_shared: bool
    learned: Learned = field(default_factory=Learned)

    def differs_from(self, other: Budget) -> bool:
        """Noticeably, in what has room."""
        return (
            self.is_shared != other.is_shared
            or bool(self.accelerator_bytes) != bool(other.accelerator_bytes)
            or abs(self.accelerator_bytes - other.accelerator_bytes) > NOTICEABLE_BYTES
            or abs(self.memory_bytes - other.memory_bytes) > NOTICEABLE_BYTES
        )


def budget_of(machine: Machine, leaving: Sequence[Held] = ()) -> Budget:
    """What is free on `machine`, with what models that are to be unloaded give back."""
    memory = machine.memory
    used = used_together(machine.accelerators)
    shared = memory.unified or any(each.integrated for each in used)
    free = sum(max(each.free_bytes - backend_overhead(each.backend), 0) for each in used)
    given_back = sum(sum(each.accelerator_bytes) for each in leaving)
    in_memory = memory.available_bytes + sum(each.freed_bytes for each in leaving) - WORKER_BYTES
    in_memory += given_back if shared else 0
    return Budget(
        accelerator_bytes=max(free + given_back, 0) if used else 0,
        memory_bytes=max(in_memory, 0),
        accelerator_bytes_per_s=min(
            map(_bytes_per_s, used),
            default=UNKNOWN_ACCELERATOR_BYTES_PER_S,
        ),
        memory_bytes_per_s=memory.bandwidth_bytes_per_s or UNKNOWN_MEMORY_BYTES_PER_S,
        is_shared=shared,
    )


def _bytes_per_s(accelerator: Accelerator) -> float:
    """What its memory gives, its controller lets through and its arithmetic keeps up with."""
    bytes_per_s: float = accelerator.bandwidth_bytes_per_s or UNKNOWN_ACCELERATOR_BYTES_PER_S
    device = known_device(accelerator.name, accelerator.total_bytes)
    if device is not None and device.reached_bytes_per_s:
        bytes_per_s = min(bytes_per_s, device.reached_bytes_per_s)
    if device is not None and device.flops:
        bytes_per_s = min(bytes_per_s, device.flops / OPERATIONS_PER_BYTE)
    return bytes_per_s
