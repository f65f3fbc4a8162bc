"""Budget: how much of a machine a model may take."""

from __future__ import annotations

from dataclasses import dataclass

from app.hardware import Accelerator, Machine
from app.memory.overhead import WORKER_BYTES, backend_overhead
from app.recommend.speed import UNKNOWN_ACCELERATOR_BYTES_PER_S, UNKNOWN_MEMORY_BYTES_PER_S


@dataclass(frozen=True, slots=True)
class Budget:
    """Bytes that a model may take and how fast they are read.

    `accelerator_bytes`: on all accelerators together, 0 without; `is_shared`: they are part of `memory_bytes`.
    """

    accelerator_bytes: int
    memory_bytes: int
    accelerator_bytes_per_s: float
    memory_bytes_per_s: float
    is_shared: bool


def budget_of(machine: Machine, *, credited_bytes: int = 0, credited_accelerator_bytes: int = 0) -> Budget:
    """What is free on `machine`, with what a model that is to be unloaded gives back."""
    memory = machine.memory
    used = used_together(machine.accelerators)
    shared = memory.unified or any(each.integrated for each in used)
    free = sum(max(each.free_bytes - backend_overhead(each.backend), 0) for each in used)
    in_memory = memory.available_bytes + credited_bytes - WORKER_BYTES
    return Budget(
        accelerator_bytes=max(free + credited_accelerator_bytes, 0) if used else 0,
        memory_bytes=max(in_memory, 0),
        accelerator_bytes_per_s=min(
            (each.bandwidth_bytes_per_s or UNKNOWN_ACCELERATOR_BYTES_PER_S for each in used),
            default=UNKNOWN_ACCELERATOR_BYTES_PER_S,
        ),
        memory_bytes_per_s=memory.bandwidth_bytes_per_s or UNKNOWN_MEMORY_BYTES_PER_S,
        is_shared=shared,
    )


def used_together(accelerators: tuple[Accelerator, ...]) -> tuple[Accelerator, ...]:
    """llama.cpp leaves integrated graphics alone where there is a card, and shares layers among cards."""
    usable = tuple(each for each in accelerators if each.usable)
    cards = tuple(each for each in usable if not each.integrated)
    return cards or usable[:1]
