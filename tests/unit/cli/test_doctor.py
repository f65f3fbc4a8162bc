"""Which graphics the runtime leaves idle."""

from __future__ import annotations

import pytest

from app.cli.doctor import notes_on_unused
from app.hardware import Accelerator
from app.runtime.protocol import Device


def device(description: str, backend: str, kind: str = "gpu") -> Device:
    return Device(
        name=f"{backend}0", description=description, backend=backend, kind=kind, total_bytes=8, free_bytes=7
    )


CARD = Accelerator("NVIDIA GeForce RTX 4060", "CUDA", 8, 7)
SECOND = Accelerator("NVIDIA H200", "CUDA", 8, 7)
APPLE = Accelerator("Apple GPU", "Metal", 8, 7)
CPU = device("AMD Ryzen with NVIDIA H200 in its name", "CPU", "cpu")


@pytest.mark.parametrize(
    "devices",
    [
        (CPU, device("NVIDIA GeForce RTX 4060", "CUDA")),
        (device("NVIDIA GeForce RTX 4060", "Vulkan"), CPU),
    ],
)
def test_card_the_runtime_lists_by_any_backend_needs_no_note(devices: tuple[Device, ...]) -> None:
    assert notes_on_unused((CARD,), devices) == ()


def test_slice_of_a_card_and_the_graphics_of_a_mac_are_known_by_another_name() -> None:
    assert notes_on_unused((SECOND,), (device("NVIDIA H200 MIG 1g.18gb", "CUDA"),)) == ()
    assert notes_on_unused((APPLE,), (device("Apple M2 Pro", "MTL"),)) == ()


def test_accelerators_a_runtime_for_the_processor_cannot_use_are_named_once() -> None:
    assert notes_on_unused((CARD, SECOND, SECOND), (CPU, device("", "BLAS", "accel"))) == (
        "The runtime in this build cannot use NVIDIA GeForce RTX 4060: models run on the processor.",
        "The runtime in this build cannot use NVIDIA H200: models run on the processor.",
    )
    assert notes_on_unused((), (CPU,)) == ()


def test_one_card_of_two_is_named_without_the_word_that_nothing_is_used() -> None:
    assert notes_on_unused((CARD, SECOND), (device(CARD.name, "CUDA"),)) == (
        "The runtime in this build cannot use NVIDIA H200.",
    )
