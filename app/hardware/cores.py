"""How many of a processor's cores are fast and how many are frugal."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_FRUGAL = 0.6
"""A core with less than this share of the fastest one's capacity is an efficiency core: between ARM's little cores
(0.2 to 0.45 of the largest) and its middle ones (0.75 and more), which do count for generating."""


class CoreKinds(NamedTuple):
    """Physical cores of each kind."""

    performance: int
    efficiency: int


def parse_perflevels(text: str) -> CoreKinds | None:
    """From macOS's `sysctl hw.perflevel0.physicalcpu hw.perflevel1.physicalcpu`; level 0 is the fastest."""
    counts: dict[str, int] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if value.strip().isdigit():
            counts[key.strip()] = int(value)
    fast = counts.get("hw.perflevel0.physicalcpu")
    frugal = counts.get("hw.perflevel1.physicalcpu")
    return None if not fast or not frugal else CoreKinds(fast, frugal)


def read_linux_core_kinds(root: Path) -> CoreKinds | None:
    """From sysfs below `root`: Intel's two kinds of core, or the capacity the kernel gives to each ARM core."""
    devices = root / "sys/devices"
    fast, frugal = (_read_cpus(devices / kind / "cpus") for kind in ("cpu_core", "cpu_atom"))
    if fast and frugal:
        return CoreKinds(len(_cores(devices, fast)), len(_cores(devices, frugal)))
    capacities = list(_read_capacities(devices / "system/cpu"))
    share = _FRUGAL * max(capacities, default=0)
    few = sum(capacity < share for capacity in capacities)
    return CoreKinds(len(capacities) - few, few) if few else None


def parse_cpu_list(text: str) -> list[int]:
    """`0-3,8` -> 0, 1, 2, 3, 8; empty for anything else."""
    cpus: list[int] = []
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        if not first.isdigit() or not (last or first).isdigit() or int(last or first) > 1 << 16:
            return []
        cpus += range(int(first), int(last or first) + 1)
    return cpus


def parse_windows_cores(records: bytes) -> CoreKinds | None:
    """From what GetLogicalProcessorInformationEx writes for RelationProcessorCore (winnt.h):

    a record a physical core, with its size at byte 4 and its EfficiencyClass, higher for faster, at byte 9.
    """
    classes: list[int] = []
    offset = 0
    while offset + 10 <= len(records):
        relationship, size = struct.unpack_from("<II", records, offset)
        if relationship == 0:
            classes.append(records[offset + 9])
        if size < 10:
            break
        offset += size
    fastest = max(classes, default=0)
    fast = classes.count(fastest)
    return CoreKinds(fast, len(classes) - fast) if 0 < fast < len(classes) else None


def read_windows_core_kinds() -> CoreKinds | None:
    if sys.platform != "win32":  # lets mypy check the rest for Windows only
        return None
    import ctypes

    ask = ctypes.windll.kernel32.GetLogicalProcessorInformationEx
    size = ctypes.c_ulong(0)
    ask(0, None, ctypes.byref(size))
    records = ctypes.create_string_buffer(size.value)
    return parse_windows_cores(records.raw) if ask(0, records, ctypes.byref(size)) else None


def _read_cpus(path: Path) -> list[int]:
    try:
        return parse_cpu_list(path.read_text())
    except (OSError, UnicodeDecodeError):
        return []


def _cores(devices: Path, cpus: list[int]) -> set[tuple[str, str]]:
    """The physical cores of these logical processors, by package and core."""

    def place(cpu: int) -> tuple[str, str]:
        topology = devices / f"system/cpu/cpu{cpu}/topology"
        try:
            return (topology / "physical_package_id").read_text(), (topology / "core_id").read_text()
        except OSError:
            return ("", str(cpu))

    return {place(cpu) for cpu in cpus}


def _read_capacities(folder: Path) -> Iterator[int]:
    for path in folder.glob("cpu[0-9]*/cpu_capacity"):
        try:
            yield int(path.read_text())
        except (OSError, ValueError):
            return
