"""AMD, Intel and NVIDIA graphics on Windows, from what their drivers register.

Microsoft, "Registering Hardware Information" and "Calculating Graphics Memory"; qwMemorySize is the 64-bit form of
the MemorySize described there. Nothing in the registry says how much is free.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping

from app.hardware.bandwidth import known_bandwidth
from app.hardware.graphics_names import MAKERS, is_in_processor, tidy_device_name
from app.hardware.machine import Accelerator, Memory

_CLASS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
_VALUES = (
    "DriverDesc",
    "MatchingDeviceId",
    "HardwareInformation.qwMemorySize",
    "HardwareInformation.MemorySize",
)
_VENDOR = re.compile(r"pci\\ven_([0-9a-f]{4})", re.IGNORECASE)
_MOST_ADAPTERS = 64


def read_windows_graphics(memory: Memory) -> tuple[tuple[Accelerator, ...], tuple[str, ...]]:
    return parse_adapters(_read_class_keys(), memory)


def parse_adapters(
    rows: Iterable[Mapping[str, object]], memory: Memory
) -> tuple[tuple[Accelerator, ...], tuple[str, ...]]:
    """`rows`: the values of each display adapter's key, as winreg reads them. NVIDIA's are among the answer; where
    NVML speaks, it knows better. Adapters of other makers and those of remote desktops are passed over.
    """
    found: list[Accelerator] = []
    notes: list[str] = []
    for row in rows:
        vendor = _VENDOR.match(str(row.get("MatchingDeviceId", "")))
        maker = MAKERS.get(int(vendor[1], 16)) if vendor else None
        name = tidy_device_name(str(row.get("DriverDesc", "")))
        if maker is None or not name:
            continue
        name = name if maker in name else f"{maker} {name}"
        own = _bytes(row.get("HardwareInformation.qwMemorySize")) or _bytes(
            row.get("HardwareInformation.MemorySize")
        )
        if is_in_processor(name):
            found.append(_in_processor(name, own if maker == "AMD" else 0, memory))
        elif own:
            found.append(_card(name, "CUDA" if maker == "NVIDIA" else "Vulkan", own))
        else:
            notes.append(f"The driver of {name} does not tell how much memory it has.")
    return tuple(found), tuple(notes)


def _card(name: str, backend: str, own: int) -> Accelerator:
    bandwidth = known_bandwidth(name, own)
    return Accelerator(
        name, backend, own, own * 9 // 10, bandwidth_bytes_per_s=bandwidth, free_is_assumed=True
    )


def _in_processor(name: str, reserved: int, memory: Memory) -> Accelerator:
    """`reserved`: 0 for Intel's, whose driver reports memory it does not have, for old games' sake (Intel, "Graphics
    Memory FAQ"). Windows lends graphics half of main memory.
    """
    shared = memory.total_bytes // 2
    return Accelerator(
        name,
        "Vulkan",
        reserved + shared,
        reserved * 9 // 10 + min(shared, memory.available_bytes),
        integrated=True,
        bandwidth_bytes_per_s=known_bandwidth(name, reserved + shared),
        reserved_bytes=reserved,
        free_is_assumed=True,
    )


def _bytes(value: object) -> int:
    """A REG_QWORD or REG_DWORD, or the same number as REG_BINARY; drivers write any of them."""
    if isinstance(value, bytes):
        return int.from_bytes(value[:8], "little")
    return value if isinstance(value, int) and value > 0 else 0


def _read_class_keys() -> list[dict[str, object]]:
    if sys.platform != "win32":  # lets mypy check the rest for Windows only
        return []
    import winreg

    rows: list[dict[str, object]] = []
    for number in range(_MOST_ADAPTERS):
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{_CLASS}\{number:04}") as key:
                rows.append({name: value for name in _VALUES if (value := _value(key, name)) is not None})
        except OSError:
            continue
    return rows


def _value(key: object, name: str) -> object:
    if sys.platform != "win32":
        return None
    import winreg

    try:
        return winreg.QueryValueEx(key, name)[0]
    except OSError:
        return None
