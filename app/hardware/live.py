"""The few numbers that change from second to second: free memory, of the machine and of each accelerator."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.hardware.graphics_names import Maker, maker_of
from app.hardware.linux_graphics import is_awake, read_amd_free
from app.hardware.machine import Accelerator, Machine, Memory
from app.hardware.memory import read_memory
from app.hardware.nvidia import NvidiaMemory
from app.hardware.questions import NoAnswer, Question

ANSWER_WITHIN_S = 1.0


class LiveMachine:
    """`read` gives the machine it was made for as it is now; cheap enough for every second, but not for the GUI's
    thread. `close` may be called from there.

    Drivers are kept open between readings. A device that sleeps to save power is not woken: its last numbers
    stand. While a driver hangs, main memory goes on being read, and a note says who is silent.
    """

    def __init__(self, machine: Machine, *, root: Path = Path("/"), nvml: Any = None) -> None:
        self._machine = machine
        self._root = root
        self._closed = False
        self._nvidia: NvidiaMemory | None = None
        self._drivers: list[_Driver] = []
        if nvidia := _askable(machine, "NVIDIA"):
            opened = self._nvidia = NvidiaMemory((each.pci_address for each in nvidia), nvml)
            self._drivers.append(
                _Driver("The NVIDIA driver", nvidia, lambda memory: opened.free(self._is_awake))
            )
        if sys.platform.startswith("linux") and (amd := _askable(machine, "AMD")):
            self._drivers.append(
                _Driver("The graphics driver", amd, lambda memory: read_amd_free(amd, memory, self._root))
            )

    def read(self) -> Machine:
        now = read_memory()
        memory = replace(
            self._machine.memory, total_bytes=now.total_bytes, available_bytes=now.available_bytes
        )
        free, notes = ({}, []) if self._closed else self._ask_drivers(memory)
        accelerators = tuple(_now(each, memory, free) for each in self._machine.accelerators)
        self._machine = replace(self._machine, memory=memory, accelerators=accelerators)
        # Given along, not kept: who is silent now may speak again.
        return replace(self._machine, notes=tuple(dict.fromkeys((*self._machine.notes, *notes))))

    def close(self) -> None:
        """Lets go of the drivers without waiting for them."""
        self._closed = True
        if self._nvidia is not None:
            Question("The end of the NVIDIA driver", self._nvidia.close)

    def _ask_drivers(self, memory: Memory) -> tuple[dict[str, int], list[str]]:
        """Free bytes by PCI address, and a note on each driver or device that is silent."""
        deadline = time.monotonic() + ANSWER_WITHIN_S
        free: dict[str, int] = {}
        notes: list[str] = []
        for driver in self._drivers:
            try:
                told = driver.free(memory, deadline)
            except NoAnswer as error:
                notes.append(str(error))
                continue
            free |= told
            silent = [each for each in driver.devices if each.pci_address not in told]
            notes += [f"{each.name} does not answer." for each in silent if self._is_awake(each.pci_address)]
        return free, notes

    def _is_awake(self, pci_address: str) -> bool:
        return is_awake(pci_address, self._root)


class _Driver:
    """A source of free bytes by PCI address, asked on a thread of its own."""

    def __init__(
        self, name: str, devices: tuple[Accelerator, ...], ask: Callable[[Memory], dict[str, int]]
    ) -> None:
        self.devices = devices
        self._name = name
        self._ask = ask
        self._late: Question[dict[str, int]] | None = None

    def free(self, memory: Memory, deadline: float) -> dict[str, int]:
        """Raises NoAnswer; nobody waits a second time for a question that was not answered in time."""
        late = self._late
        if late is not None and late.open:
            return late.answer(0.0)
        self._late = Question(self._name, lambda: self._ask(memory))
        return self._late.answer(deadline - time.monotonic())


def _askable(machine: Machine, maker: Maker) -> tuple[Accelerator, ...]:
    return tuple(each for each in machine.accelerators if each.pci_address and maker_of(each.name) == maker)


def _now(accelerator: Accelerator, memory: Memory, free: dict[str, int]) -> Accelerator:
    """`free`: bytes by PCI address, for those whose driver was asked."""
    told = free.get(accelerator.pci_address)
    if told is None and accelerator.integrated:
        reserved = accelerator.reserved_bytes
        told = reserved * 9 // 10 + min(accelerator.total_bytes - reserved, memory.available_bytes)
    if told is None:
        return accelerator
    return replace(accelerator, free_bytes=min(max(told, 0), accelerator.total_bytes))
