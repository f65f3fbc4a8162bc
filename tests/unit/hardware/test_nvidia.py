"""NVIDIA cards, and what is said when their driver does not play along."""

from __future__ import annotations

import pytest

from app.hardware import Accelerator, Memory
from app.hardware.nvidia import NvidiaMemory, read_nvidia
from tests.unit.hardware.fake_nvml import Card, FakeNvml, NvmlError

GIB = 1024**3
MEMORY = Memory(32 * GIB, 20 * GIB)


def test_cards_are_listed_with_their_memory_and_place() -> None:
    nvml = FakeNvml(
        [Card("NVIDIA GeForce RTX 4060", 8 * GIB, 7 * GIB), Card(b"A100-SXM4-24GB", 24 * GIB, 24 * GIB)]
    )
    cards, notes = read_nvidia(MEMORY, nvml)
    assert cards == (
        Accelerator(
            "NVIDIA GeForce RTX 4060",
            "CUDA",
            8 * GIB,
            7 * GIB,
            bandwidth_bytes_per_s=272_000_000_000,
            pci_address="0000:01:00.0",
        ),
        Accelerator("NVIDIA A100-SXM4-24GB", "CUDA", 24 * GIB, 24 * GIB, pci_address="0000:02:00.0"),
    )
    assert notes == ()
    assert nvml.sessions == 0


def test_a_computer_without_the_driver_has_no_card_and_no_note() -> None:
    error = NvmlError(FakeNvml.NVML_ERROR_LIBRARY_NOT_FOUND, "NVML Shared Library Not Found")
    assert read_nvidia(MEMORY, FakeNvml(init_error=error)) == ((), ())


@pytest.mark.parametrize(
    ("code", "text", "word"),
    [
        (9, "Driver Not Loaded", "Driver Not Loaded"),
        (4, "Insufficient Permissions", "Insufficient Permissions"),
        (
            FakeNvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
            "RM has detected an NVML/RM version mismatch.",
            "restart",
        ),
    ],
)
def test_a_driver_that_does_not_run_leaves_a_note(code: int, text: str, word: str) -> None:
    cards, notes = read_nvidia(MEMORY, FakeNvml(init_error=NvmlError(code, text)))
    assert cards == ()
    assert len(notes) == 1
    assert word in notes[0]


def test_one_lost_card_leaves_the_others_and_a_note() -> None:
    lost = NvmlError(15, "GPU is lost")
    cards, notes = read_nvidia(MEMORY, FakeNvml([lost, Card("RTX 3090", 24 * GIB, 20 * GIB)]))
    assert [card.name for card in cards] == ["NVIDIA RTX 3090"]
    assert notes == ("NVIDIA graphics card 1 does not answer: GPU is lost.",)


def test_a_chip_without_memory_of_its_own_works_in_the_machines() -> None:
    """NVIDIA, DGX Spark known issues: NVML's memory information is not supported there."""
    unsupported = NvmlError(FakeNvml.NVML_ERROR_NOT_SUPPORTED, "Not Supported")
    cards, notes = read_nvidia(MEMORY, FakeNvml([Card("NVIDIA GB10", error=unsupported)]))
    assert cards == (Accelerator("NVIDIA GB10", "CUDA", 32 * GIB, 20 * GIB, integrated=True),)
    assert notes == ()


def test_free_memory_is_read_again_without_opening_the_driver_again() -> None:
    nvml = FakeNvml([Card("One", 8 * GIB, 7 * GIB), Card("Two", 8 * GIB, 6 * GIB)])
    watched = NvidiaMemory(["0000:02:00.0"], nvml)
    assert watched.free() == {"0000:02:00.0": 6 * GIB}
    nvml.cards[1] = Card("Two", 8 * GIB, GIB)
    assert watched.free() == {"0000:02:00.0": GIB}
    assert nvml.sessions == 1
    watched.close()
    assert nvml.sessions == 0
    assert watched.free() == {}


def test_a_card_that_sleeps_is_not_asked_and_a_lost_one_left_out() -> None:
    lost = NvmlError(15, "GPU is lost")
    nvml = FakeNvml([Card("One", error=lost), Card("Two", 8 * GIB, 6 * GIB)])
    watched = NvidiaMemory(["0000:01:00.0", "0000:02:00.0"], nvml)
    assert watched.free() == {"0000:02:00.0": 6 * GIB}
    assert watched.free(awake=lambda address: address == "0000:01:00.0") == {}
