"""NVIDIA graphics cards, through the driver's management library (NVML)."""

from __future__ import annotations

from typing import Any

from app.hardware.bandwidth import known_bandwidth
from app.hardware.machine import Accelerator


def read_nvidia(nvml: Any = None) -> tuple[tuple[Accelerator, ...], tuple[str, ...]]:
    """The cards, and a note for each thing the driver would not tell.

    A computer without NVML has no NVIDIA driver and most likely no card: that is no fault and no note.
    `nvml` stands in for the pynvml module in tests.
    """
    if nvml is None:
        import pynvml

        nvml = pynvml
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        if error.value == nvml.NVML_ERROR_LIBRARY_NOT_FOUND:
            return (), ()
        return (), (f"The NVIDIA driver cannot be asked about graphics cards: {error}.",)
    try:
        return _read_cards(nvml)
    except nvml.NVMLError as error:
        return (), (f"The NVIDIA driver does not list its graphics cards: {error}.",)
    finally:
        nvml.nvmlShutdown()


def _read_cards(nvml: Any) -> tuple[tuple[Accelerator, ...], tuple[str, ...]]:
    cards: list[Accelerator] = []
    notes: list[str] = []
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
            name, total = _name(nvml, handle), int(memory.total)
            bandwidth = known_bandwidth(name, total)
            cards.append(Accelerator(name, "CUDA", total, int(memory.free), bandwidth_bytes_per_s=bandwidth))
        except nvml.NVMLError as error:
            notes.append(f"NVIDIA graphics card {index + 1} does not answer: {error}.")
    return tuple(cards), tuple(notes)


def _name(nvml: Any, handle: Any) -> str:
    name = nvml.nvmlDeviceGetName(handle)
    # Older versions of the bindings return bytes.
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)
