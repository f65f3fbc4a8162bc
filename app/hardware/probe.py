"""Puts the sources together into one Machine."""

from __future__ import annotations

from collections.abc import Iterable

from app.hardware.apple import read_apple_gpu
from app.hardware.cpu import read_cpu
from app.hardware.machine import Accelerator, Machine
from app.hardware.memory import read_memory
from app.hardware.nvidia import read_nvidia


def probe(extra: Iterable[Accelerator] = ()) -> Machine:
    """This computer as it is now. `extra`: accelerators another source knows of, e.g. the runtime.

    Takes 50 ms and more where a graphics driver has to wake up: run it in a Job.
    """
    cpu, cpu_notes = read_cpu()
    memory = read_memory()
    cards, card_notes = read_nvidia()
    accelerators = merge((*read_apple_gpu(memory), *cards), extra)
    return Machine(cpu, memory, accelerators, cpu_notes + card_notes)


def merge(known: Iterable[Accelerator], extra: Iterable[Accelerator]) -> tuple[Accelerator, ...]:
    """`known` and those of `extra` whose name is not among them.

    By name and not by backend, so that a card seen through both CUDA and Vulkan is one device.
    """
    known = tuple(known)
    names = {accelerator.name for accelerator in known}
    return known + tuple(accelerator for accelerator in extra if accelerator.name not in names)
