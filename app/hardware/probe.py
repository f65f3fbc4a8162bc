"""Puts the sources together into one Machine."""

from __future__ import annotations

from app.hardware.apple import read_apple_gpu
from app.hardware.cpu import read_cpu
from app.hardware.machine import Machine
from app.hardware.memory import read_memory
from app.hardware.nvidia import read_nvidia


def probe() -> Machine:
    """This computer as it is now.

    Takes 50 ms and more where a graphics driver has to wake up: run it in a Job.
    """
    cpu, cpu_notes = read_cpu()
    memory = read_memory()
    cards, card_notes = read_nvidia()
    return Machine(cpu, memory, (*read_apple_gpu(memory, cpu.name), *cards), cpu_notes + card_notes)
