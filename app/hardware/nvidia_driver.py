"""NVIDIA's driver and what its cards can compute, which decide on the CUDA that a program may have been built with."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

Version = tuple[int, ...]


@dataclass(frozen=True)
class CudaCard:
    """`capability`: major and minor, (8, 9) for an RTX 4060."""

    name: str
    capability: tuple[int, int]


@dataclass(frozen=True)
class NvidiaDriver:
    """`version` as it calls itself, e.g. "580.65.06"."""

    version: str
    cards: tuple[CudaCard, ...]


OLDEST_DRIVERS: dict[int, dict[str, Version]] = {
    12: {"linux": (525, 60, 13), "windows": (528, 33)},
    13: {"linux": (580,), "windows": (580,)},
}
"""By CUDA's major version: with these and newer ones run programs built with any CUDA of it. NVIDIA, "CUDA
Compatibility", Minor Version Compatibility, and the table of minimum drivers in the CUDA Toolkit's release notes."""

CAPABILITIES = ((7, 5), (12, 0))
"""The least and the greatest that CUDA packs are built for. What is compiled for one also runs on later ones of its
major version (CUDA C++ Programming Guide, Binary Compatibility), so only the major version is an upper limit."""


def read_nvidia_driver(nvml: Any = None) -> NvidiaDriver | None:
    """None without NVIDIA's driver, or where it does not answer. `nvml` stands in for the pynvml module in tests."""
    nvml = nvml or _pynvml()
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    try:
        return NvidiaDriver(_text(nvml.nvmlSystemGetDriverVersion()), _cards(nvml))
    except nvml.NVMLError:
        return None
    finally:
        nvml.nvmlShutdown()


def is_driver_new_enough(driver: NvidiaDriver, cuda: int, system: str) -> bool:
    """For a program built with CUDA of that major version; one that the table does not have needs a newer one."""
    oldest = OLDEST_DRIVERS.get(cuda, {}).get(system)
    return oldest is not None and version_of(driver.version) >= oldest


def is_built_for(card: CudaCard) -> bool:
    """Whether the CUDA packs have code for it."""
    least, greatest = CAPABILITIES
    return least <= card.capability and card.capability[0] <= greatest[0]


def version_of(text: str) -> Version:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:4])


def _cards(nvml: Any) -> tuple[CudaCard, ...]:
    cards = []
    for index in range(nvml.nvmlDeviceGetCount()):
        with suppress(nvml.NVMLError):
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
            cards.append(CudaCard(_text(nvml.nvmlDeviceGetName(handle)), (int(major), int(minor))))
    return tuple(cards)


def _pynvml() -> Any:
    import pynvml

    return pynvml


def _text(value: str | bytes) -> str:
    # Older versions of the bindings return bytes.
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
