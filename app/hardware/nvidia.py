"""NVIDIA graphics cards, through the driver's management library (NVML)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from app.hardware.bandwidth import known_bandwidth
from app.hardware.graphics_names import maker_of
from app.hardware.machine import Accelerator, Memory


def read_nvidia(memory: Memory, nvml: Any = None) -> tuple[tuple[Accelerator, ...], tuple[str, ...]]:
    """The cards, and a note for each thing the driver would not tell.

    A computer without NVML has no NVIDIA driver and most likely no card: that is no fault and no note.
    `nvml` stands in for the pynvml module in tests.
    """
    nvml = nvml or _pynvml()
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return (), _why_not(nvml, error)
    try:
        return _read_cards(nvml, memory)
    except nvml.NVMLError as error:
        return (), (f"The NVIDIA driver does not list its graphics cards: {error}.",)
    finally:
        nvml.nvmlShutdown()


class NvidiaMemory:
    """The free memory of some cards, with the driver kept open between the questions.

    `free` and `close` may be called from different threads, whatever each finds under way.
    """

    def __init__(self, pci_addresses: Iterable[str], nvml: Any = None) -> None:
        self._addresses = tuple(pci_addresses)
        self._nvml = nvml
        self._handles: dict[str, Any] | None = None
        self._closed = False
        self._lock = threading.Lock()

    def free(self, awake: Callable[[str], bool] = lambda pci_address: True) -> dict[str, int]:
        """Bytes by address; without the cards that are asleep or do not answer. Raises what pynvml raises
        when the driver cannot be opened."""
        with self._lock:
            if self._closed:
                return {}
            if self._handles is None:
                self._handles = self._open()
            found: dict[str, int] = {}
            for address, handle in self._handles.items():
                if awake(address):
                    try:
                        found[address] = int(self._nvml.nvmlDeviceGetMemoryInfo(handle).free)
                    except self._nvml.NVMLError:
                        continue
            return found

    def close(self) -> None:
        """May take as long as the driver likes."""
        with self._lock:
            self._closed = True
            if self._handles is not None:
                self._handles = None
                self._nvml.nvmlShutdown()

    def _open(self) -> dict[str, Any]:
        self._nvml = self._nvml or _pynvml()
        self._nvml.nvmlInit()
        handles: dict[str, Any] = {}
        for index in range(self._nvml.nvmlDeviceGetCount()):
            try:
                handle = self._nvml.nvmlDeviceGetHandleByIndex(index)
                address = _address(self._nvml, handle)
            except self._nvml.NVMLError:
                continue
            if address in self._addresses:
                handles[address] = handle
        return handles


def _read_cards(nvml: Any, memory: Memory) -> tuple[tuple[Accelerator, ...], tuple[str, ...]]:
    cards: list[Accelerator] = []
    notes: list[str] = []
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            cards.append(_read_card(nvml, nvml.nvmlDeviceGetHandleByIndex(index), memory))
        except nvml.NVMLError as error:
            notes.append(f"NVIDIA graphics card {index + 1} does not answer: {error}.")
    return tuple(cards), tuple(notes)


def _read_card(nvml: Any, handle: Any, memory: Memory) -> Accelerator:
    name = _text(nvml.nvmlDeviceGetName(handle))
    if maker_of(name) != "NVIDIA":  # older drivers leave it out: `A100-SXM4-40GB`
        name = f"NVIDIA {name}"
    try:
        told = nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError as error:
        if error.value != nvml.NVML_ERROR_NOT_SUPPORTED:
            raise
        # GB10 (DGX Spark) and Jetson work in main memory and have none to tell of; NVIDIA, DGX Spark known issues.
        return Accelerator(name, "CUDA", memory.total_bytes, memory.available_bytes, integrated=True)
    total = int(told.total)
    return Accelerator(
        name,
        "CUDA",
        total,
        int(told.free),
        bandwidth_bytes_per_s=known_bandwidth(name, total),
        pci_address=_address(nvml, handle),
    )


def _address(nvml: Any, handle: Any) -> str:
    """As sysfs writes it: NVML has eight digits for the domain, `00000000:01:00.0`."""
    try:
        domain, _, rest = _text(nvml.nvmlDeviceGetPciInfo(handle).busId).partition(":")
        return f"{int(domain, 16):04x}:{rest.lower()}"
    except (nvml.NVMLError, ValueError):
        return ""


def _why_not(nvml: Any, error: Any) -> tuple[str, ...]:
    if error.value == nvml.NVML_ERROR_LIBRARY_NOT_FOUND:
        return ()
    if error.value == nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return (
            "The NVIDIA driver has been updated since this computer was started; restart it to use the card.",
        )
    return (f"The NVIDIA driver cannot be asked about graphics cards: {error}.",)


def _pynvml() -> Any:
    import pynvml

    return pynvml


def _text(value: str | bytes) -> str:
    # Older versions of the bindings return bytes.
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
