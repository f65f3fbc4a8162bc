"""A stand-in for NVIDIA's management library: as much of pynvml as the readers use."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass


class NvmlError(Exception):
    def __init__(self, value: int, text: str) -> None:
        super().__init__(text)
        self.value = value


@dataclass
class MemoryInfo:
    total: int
    free: int


@dataclass
class PciInfo:
    busId: str | bytes


@dataclass
class Card:
    """`error` is what asking for its memory raises. `capability` as CUDA counts."""

    name: str | bytes
    total: int = 0
    free: int = 0
    error: NvmlError | None = None
    capability: tuple[int, int] = (8, 9)


class FakeNvml:
    """In place of a card may stand the error that asking for it raises. Without `answering` it hangs."""

    NVMLError = NvmlError
    NVML_ERROR_NOT_SUPPORTED = 3
    NVML_ERROR_LIBRARY_NOT_FOUND = 12
    NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18

    def __init__(
        self,
        cards: Iterable[Card | NvmlError] = (),
        init_error: NvmlError | None = None,
        driver: str | bytes = "580.65.06",
    ) -> None:
        self.driver = driver
        self.cards = list(cards)
        self.init_error = init_error
        self.sessions = 0
        self.answering = threading.Event()
        self.answering.set()

    def nvmlInit(self) -> None:
        if self.init_error:
            raise self.init_error
        self.sessions += 1

    def nvmlShutdown(self) -> None:
        self.sessions -= 1

    def nvmlSystemGetDriverVersion(self) -> str | bytes:
        return self.driver

    def nvmlDeviceGetCudaComputeCapability(self, index: int) -> tuple[int, int]:
        return self._card(index).capability

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        self._card(index)
        return index

    def nvmlDeviceGetName(self, index: int) -> str | bytes:
        return self._card(index).name

    def nvmlDeviceGetPciInfo(self, index: int) -> PciInfo:
        return PciInfo(f"00000000:{index + 1:02X}:00.0")

    def nvmlDeviceGetMemoryInfo(self, index: int) -> MemoryInfo:
        self.answering.wait(30)
        card = self._card(index)
        if card.error is not None:
            raise card.error
        return MemoryInfo(card.total, card.free)

    def _card(self, index: int) -> Card:
        card = self.cards[index]
        if isinstance(card, NvmlError):
            raise card
        return card
