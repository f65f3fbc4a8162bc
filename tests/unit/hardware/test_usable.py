"""What plans start from: a card counts only where the runtime can use it."""

from __future__ import annotations

from pathlib import Path

from app.hardware import Machine, keep_bandwidth, read_profile, usable
from app.recommend.budget import budget_of
from app.runtime.protocol import Described, Device

MACHINES = Path(__file__).parents[2] / "data" / "machines"
CPU = Device(
    name="CPU", description="AMD Ryzen 5 7600", backend="CPU", kind="cpu", total_bytes=32, free_bytes=16
)
CARD = Device(
    name="CUDA0",
    description="NVIDIA GeForce RTX 4060",
    backend="CUDA",
    kind="gpu",
    total_bytes=8_585_740_288,
    free_bytes=7_654_604_800,
)


def with_card() -> Machine:
    return read_profile(MACHINES / "desktop-8gb-card.json")


def runtime(*devices: Device) -> Described:
    return Described(version="1", system_info="", backends=(), devices=devices)


def test_a_card_that_the_runtime_cannot_use_has_no_room_for_layers(tmp_path: Path) -> None:
    machine = usable(with_card(), runtime(CPU), tmp_path)
    assert budget_of(machine).accelerator_bytes == 0
    assert "cannot use NVIDIA GeForce RTX 4060" in " ".join(machine.notes)


def test_one_that_it_can_use_has_room(tmp_path: Path) -> None:
    assert budget_of(usable(with_card(), runtime(CPU, CARD), tmp_path)).accelerator_bytes > 7e9


def test_looking_again_at_what_is_merged_changes_nothing(tmp_path: Path) -> None:
    for devices in ([CPU], [CPU, CARD]):
        once = usable(with_card(), runtime(*devices), tmp_path)
        assert usable(once, runtime(*devices), tmp_path) == once


def test_measured_bandwidth_is_what_speeds_are_told_from(tmp_path: Path) -> None:
    machine = with_card()
    keep_bandwidth(12_000_000_000, machine, tmp_path)
    assert budget_of(usable(machine, None, tmp_path)).memory_bytes_per_s == 12_000_000_000
