"""Which graphics drivers does this computer have? Only whether they are others than before matters."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_MODULES = Path("/sys/module")
_VULKAN = (Path("/usr/share/vulkan/icd.d"), Path("/etc/vulkan/icd.d"))
_DISPLAY_ADAPTERS = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"


def drivers() -> tuple[str, ...]:
    """A few lines that change when a driver is installed, removed or updated. Takes some milliseconds."""
    if sys.platform == "linux":
        return tuple(_linux())
    if sys.platform == "win32":
        return tuple(_windows())
    return (platform.platform(),)  # on a Mac they come with the system


def _linux() -> Iterator[str]:
    yield platform.release()  # of which amdgpu, i915, xe and nouveau are parts
    with suppress(OSError):
        yield (_MODULES / "nvidia" / "version").read_text().strip()
    for folder in _VULKAN:
        with suppress(OSError):
            for file in sorted(folder.iterdir()):
                yield f"{file.name} {file.stat().st_mtime_ns}"


if sys.platform == "win32":
    import winreg

    def _windows() -> Iterator[str]:
        with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _DISPLAY_ADAPTERS) as adapters:
            for index in range(winreg.QueryInfoKey(adapters)[0]):
                with suppress(OSError), winreg.OpenKey(adapters, winreg.EnumKey(adapters, index)) as adapter:
                    yield str(winreg.QueryValueEx(adapter, "DriverVersion")[0])
