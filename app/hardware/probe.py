"""Puts the sources together into one Machine."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from app.hardware.apple import read_apple_gpu
from app.hardware.bandwidth import known_bandwidth
from app.hardware.cpu import read_cpu
from app.hardware.graphics_names import maker_of
from app.hardware.linux_graphics import read_linux_graphics
from app.hardware.machine import Accelerator, Cpu, Machine, Memory
from app.hardware.memory import read_memory
from app.hardware.nvidia import read_nvidia
from app.hardware.plausible import plausible
from app.hardware.questions import NoAnswer, Question
from app.hardware.windows_graphics import read_windows_graphics

Findings = tuple[tuple[Accelerator, ...], tuple[str, ...]]
"""Accelerators, and a note for each thing that could not be told."""

ANSWER_WITHIN_S = 1.5
"""All sources together: the whole probe ends within two seconds, whatever a driver does."""


def graphics_sources() -> dict[str, Callable[[Memory], Findings]]:
    """The sources this system has, by the name a person would know them under."""
    if sys.platform == "darwin":
        return {"The graphics of this Mac": read_apple_gpu}
    nvidia = {"The NVIDIA driver": read_nvidia}
    if sys.platform == "win32":
        return {**nvidia, "The list of graphics drivers": read_windows_graphics}
    return {**nvidia, "The graphics driver": read_linux_graphics}


def probe(sources: Mapping[str, Callable[[Memory], Findings]] | None = None) -> Machine:
    """This computer as it is now; what the runtime can use of it is another question (`with_runtime_devices`).

    Takes 50 ms and more where a graphics driver has to wake up: run it in a Job. A source that hangs or fails
    costs a note.
    """
    deadline = time.monotonic() + ANSWER_WITHIN_S
    memory = read_memory()
    asked_cpu = Question("The processor", read_cpu)
    sources = graphics_sources() if sources is None else sources
    asked = [Question(name, _about(memory, read)) for name, read in sources.items()]
    notes: list[str] = []
    cpu = _cpu(asked_cpu, deadline, notes)
    found = [_accelerators(each, deadline, notes) for each in asked]
    accelerators, doubts = plausible(_each_once(found))
    if memory.unified:
        memory = replace(memory, bandwidth_bytes_per_s=known_bandwidth(cpu.name, memory.total_bytes))
    return Machine(cpu, memory, accelerators, tuple(dict.fromkeys((*notes, *doubts))))


def _about(memory: Memory, read: Callable[[Memory], Findings]) -> Callable[[], Findings]:
    return lambda: read(memory)


def _cpu(question: Question[tuple[Cpu, tuple[str, ...]]], deadline: float, notes: list[str]) -> Cpu:
    try:
        cpu, told = question.answer(deadline - time.monotonic())
    except NoAnswer as error:
        notes.append(str(error))
        cores = os.cpu_count() or 1
        return Cpu(f"{platform.machine() or 'unknown'} processor", cores, cores)
    notes += told
    return cpu


def _accelerators(question: Question[Findings], deadline: float, notes: list[str]) -> tuple[Accelerator, ...]:
    try:
        accelerators, told = question.answer(deadline - time.monotonic())
    except NoAnswer as error:
        notes.append(str(error))
        return ()
    notes += told
    return accelerators


def _each_once(found: list[tuple[Accelerator, ...]]) -> list[Accelerator]:
    """A maker's devices from the first source that has any: what stands first knows more."""
    kept: list[Accelerator] = []
    for accelerators in found:
        known = {maker_of(each.name) for each in kept}
        kept += [each for each in accelerators if maker_of(each.name) not in known]
    return kept
