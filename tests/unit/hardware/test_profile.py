"""Profiles of computers: what Nibble writes it reads, and what people write by hand too, as far as it makes sense."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DamagedProfile, FileGone
from app.hardware import Accelerator, Cpu, Machine, Memory, profile_of, read_profile

PROFILES = Path(__file__).parents[2] / "data" / "machines"
GIB = 1 << 30


def read(tmp_path: Path, content: object) -> Machine:
    path = tmp_path / "profile.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return read_profile(path)


def test_profile_that_was_written_describes_the_same_computer(tmp_path: Path) -> None:
    machine = Machine(
        Cpu("Apple M3", 8, 8, ("NEON",), 4, 4),
        Memory(16 * GIB, 9 * GIB, unified=True, bandwidth_bytes_per_s=100_000_000_000),
        (
            Accelerator("Apple M3", "Metal", 11 * GIB, 9 * GIB, integrated=True, reserved_bytes=GIB),
            Accelerator("Card", "CUDA", 8 * GIB, 7 * GIB, free_is_assumed=True, usable=False),
        ),
        ("A note.",),
    )
    assert read(tmp_path, profile_of(machine)) == machine


def test_ten_profiles_of_real_computers_can_be_read_and_need_no_assumption() -> None:
    machines = [read_profile(path) for path in sorted(PROFILES.glob("*.json"))]
    assert len(machines) == 10
    assert all(machine.notes == () for machine in machines)
    assert all(machine.memory.bandwidth_bytes_per_s for machine in machines)
    assert sorted(len(machine.accelerators) for machine in machines) == [0] * 3 + [1] * 6 + [2]


def test_keys_a_profile_need_not_have_are_passed_over(tmp_path: Path) -> None:
    content = json.loads((PROFILES / "laptop-16gb.json").read_text())
    plain = read(tmp_path, content)
    assert read(tmp_path, {**content, "runtime": {"version": "9", "devices": [1, None]}}) == plain


def test_place_of_a_card_in_another_computer_is_passed_over(tmp_path: Path) -> None:
    card = {"name": "RTX", "total_bytes": 8 * GIB, "pci_address": "0000:01:00.0"}
    machine = read(tmp_path, {"memory": {"total_bytes": 10 * GIB}, "accelerators": [card]})
    assert machine.accelerators[0].pci_address == ""


def test_what_is_missing_is_assumed_and_said(tmp_path: Path) -> None:
    machine = read(
        tmp_path, {"memory": {"total_bytes": 10 * GIB}, "accelerators": [{"total_bytes": 8 * GIB}]}
    )
    assert machine.memory == Memory(10 * GIB, 9 * GIB)
    assert machine.cpu == Cpu("Unknown processor", 4, 4)
    assert machine.accelerators == (
        Accelerator("Graphics card 1", "Vulkan", 8 * GIB, 8 * GIB * 9 // 10, free_is_assumed=True),
    )
    for word in ("cores", "processor", "main memory", "Graphics card 1"):
        assert any(word in note for note in machine.notes), word


def test_more_free_than_there_is_is_clamped_and_said(tmp_path: Path) -> None:
    machine = read(tmp_path, {"memory": {"total_bytes": GIB, "available_bytes": 2 * GIB}})
    assert machine.memory.available_bytes == GIB
    assert any("more of main memory free" in note for note in machine.notes)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        [],
        {},
        {"memory": {}},
        {"memory": {"total_bytes": "16 GB"}},
        {"memory": {"total_bytes": 0}},
        {"memory": {"total_bytes": -1}},
        {"memory": {"total_bytes": 1 << 63}},
        b'{"memory": {"total_bytes": 1' + b"0" * 400 + b"}}",
        b'{"memory": {"total_bytes": NaN}}',
        {"memory": {"total_bytes": GIB, "available_bytes": -1}},
        {"memory": {"total_bytes": GIB, "bandwidth_bytes_per_s": 0}},
        {"memory": {"total_bytes": GIB}, "cpu": {"physical_cores": -4}},
        {"memory": {"total_bytes": GIB}, "cpu": {"physical_cores": 1 << 40}},
        {"memory": {"total_bytes": GIB}, "accelerators": {"name": "RTX"}},
        {"memory": {"total_bytes": GIB}, "accelerators": [{"name": "RTX 4090"}]},
        {"memory": {"total_bytes": GIB}, "accelerators": [{"total_bytes": 1 << 60}]},
        {"memory": {"total_bytes": GIB}, "accelerators": [{"total_bytes": GIB, "reserved_bytes": 2 * GIB}]},
        b" " * (1 << 20) + b"{}",
    ],
    ids=lambda content: str(content)[:60],
)
def test_file_that_describes_no_computer_is_damaged(tmp_path: Path, content: Any) -> None:
    with pytest.raises(DamagedProfile) as caught:
        read(tmp_path, content)
    assert "profile.json" in caught.value.message
    assert "nibble doctor --json" in caught.value.hint
    assert len(caught.value.message) < 300


def test_missing_profile_is_gone(tmp_path: Path) -> None:
    with pytest.raises(FileGone):
        read_profile(tmp_path / "nothing.json")
