"""A Machine as a JSON file, so that a profile of another computer can be used anywhere.

The keys are those of `nibble doctor --json`, so its output is a profile; keys that a profile need not have are
passed over, and so is where a device sits (`pci_address`): at that place this computer has another. What is missing
is filled in with the most cautious value that makes sense, with a note.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.core.errors import DamagedProfile, from_os_error
from app.hardware.machine import Accelerator, Cpu, Machine, Memory

_MOST_PROFILE_BYTES = 1 << 20
_MOST_BYTES = 1 << 50
_MOST_BANDWIDTH = 10**15
_MOST_CORES = 1 << 16
_HINT = "Make one with: nibble doctor --json > profile.json"


class _Cpu(msgspec.Struct, frozen=True):
    name: str = ""
    physical_cores: int | None = None
    logical_cores: int | None = None
    features: tuple[str, ...] = ()
    performance_cores: int | None = None
    efficiency_cores: int | None = None


class _Memory(msgspec.Struct, frozen=True):
    total_bytes: int
    available_bytes: int | None = None
    unified: bool = False
    bandwidth_bytes_per_s: int | None = None


class _Accelerator(msgspec.Struct, frozen=True):
    total_bytes: int
    name: str = ""
    backend: str = ""
    free_bytes: int | None = None
    integrated: bool = False
    bandwidth_bytes_per_s: int | None = None
    reserved_bytes: int = 0
    free_is_assumed: bool = False
    usable: bool = True


class _Profile(msgspec.Struct, frozen=True):
    memory: _Memory
    cpu: _Cpu = _Cpu()
    accelerators: tuple[_Accelerator, ...] = ()
    notes: tuple[str, ...] = ()


def read_profile(path: Path) -> Machine:
    """The computer that the file describes.

    Raises FileGone, NotAllowed, UnreadableFile, and DamagedProfile for what describes no computer.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_PROFILE_BYTES + 1)
    except OSError as error:
        raise from_os_error(error, path) from error
    if len(content) > _MOST_PROFILE_BYTES:
        raise DamagedProfile(f"{path.name} is too large to describe a computer.", _HINT)
    try:
        return _completed(msgspec.json.decode(content, type=_Profile))
    except (msgspec.DecodeError, RecursionError) as error:
        raise DamagedProfile(f"{path.name} does not describe a computer: {error}.", _HINT) from error
    except _Impossible as error:
        raise DamagedProfile(f"{path.name} describes no computer there is: {error}.", _HINT) from error


def profile_of(machine: Machine) -> bytes:
    """The file's content for `machine`."""
    return msgspec.json.format(msgspec.json.encode(machine)) + b"\n"


class _Impossible(ValueError):
    pass


def _completed(profile: _Profile) -> Machine:
    notes = list(profile.notes)
    memory = _memory(profile.memory, notes)
    accelerators = tuple(
        _accelerator(each, number, notes) for number, each in enumerate(profile.accelerators, 1)
    )
    return Machine(_cpu(profile.cpu, notes), memory, accelerators, tuple(dict.fromkeys(notes)))


def _cpu(cpu: _Cpu, notes: list[str]) -> Cpu:
    cores = cpu.physical_cores or cpu.logical_cores
    if cores is None:
        notes.append("The profile does not say how many cores the processor has; 4 are assumed.")
        cores = 4
    counts = (cores, cpu.logical_cores or cores, cpu.performance_cores, cpu.efficiency_cores)
    for count in counts:
        _expect(count, _MOST_CORES, "cores", least=0)
    if not cpu.name:
        notes.append("The profile does not name the processor.")
    return Cpu(
        cpu.name or "Unknown processor",
        cores,
        max(cores, cpu.logical_cores or cores),
        cpu.features,
        cpu.performance_cores,
        cpu.efficiency_cores,
    )


def _memory(memory: _Memory, notes: list[str]) -> Memory:
    _expect(memory.total_bytes, _MOST_BYTES, "bytes of memory")
    _expect(memory.bandwidth_bytes_per_s, _MOST_BANDWIDTH, "bytes per second")
    free = _free("main memory", memory.total_bytes, memory.available_bytes, notes)
    return Memory(memory.total_bytes, free, memory.unified, memory.bandwidth_bytes_per_s)


def _accelerator(accelerator: _Accelerator, number: int, notes: list[str]) -> Accelerator:
    name = accelerator.name or f"Graphics card {number}"
    _expect(accelerator.total_bytes, _MOST_BYTES, f"bytes on {name}")
    _expect(accelerator.bandwidth_bytes_per_s, _MOST_BANDWIDTH, "bytes per second")
    if not accelerator.backend:
        notes.append(f"The profile does not say how {name} is used; Vulkan is assumed.")
    _expect(accelerator.reserved_bytes, accelerator.total_bytes, f"bytes set aside for {name}", least=0)
    free = _free(name, accelerator.total_bytes, accelerator.free_bytes, notes)
    return Accelerator(
        name,
        accelerator.backend or "Vulkan",
        accelerator.total_bytes,
        free,
        accelerator.integrated,
        accelerator.bandwidth_bytes_per_s,
        accelerator.reserved_bytes,
        accelerator.free_is_assumed or accelerator.free_bytes is None,
        accelerator.usable,
    )


def _free(what: str, total: int, free: int | None, notes: list[str]) -> int:
    if free is None:
        notes.append(f"The profile does not say how much of {what} is free; nine tenths are assumed.")
        return total * 9 // 10
    _expect(free, _MOST_BYTES, f"free bytes of {what}", least=0)
    if free > total:
        notes.append(f"The profile has more of {what} free than there is; all of it is taken as free.")
    return min(free, total)


def _expect(count: int | None, most: int, what: str, least: int = 1) -> None:
    if count is not None and not least <= count <= most:
        raise _Impossible(f"it has {count:.3g} {what}" if abs(count) < 10**300 else f"it has too many {what}")
