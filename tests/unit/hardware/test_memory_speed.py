"""Measured speed of main memory: a possible number, kept for this machine and no other."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.errors import EnvironmentFault
from app.hardware import (
    Cpu,
    Machine,
    Memory,
    keep_bandwidth,
    measure_bandwidth,
    probe,
    with_measured_bandwidth,
)
from app.hardware.memory_speed import _best_round, _copy, _search

GIB = 1024**3
MACHINE = Machine(Cpu("AMD Ryzen 9 7950X", 16, 32), Memory(32 * GIB - 5_000_000, 20 * GIB))


def test_main_memory_is_read_at_a_speed_that_can_be() -> None:
    """From one slow channel (DDR3-1066 has 8.5 GB/s, and a busy machine half of it) to a server's twenty-four."""
    begun = time.monotonic()
    measured = measure_bandwidth(probe({}))
    assert 2 * 10**9 < measured < 10**12
    assert time.monotonic() - begun < 5


@pytest.mark.skipif("sys.platform == 'win32'")
def test_reading_and_copying_agree_roughly() -> None:
    """A copy moves each byte twice; what stores cost besides keeps it below pure reading, by no more than half."""
    read, copied = (_best_round(each, 2, 128 << 20) for each in (_search(), _copy))
    assert 0.3 < copied / read < 1.5


def test_measurement_is_kept_for_this_machine(tmp_path: Path) -> None:
    assert with_measured_bandwidth(MACHINE, tmp_path) is MACHINE
    keep_bandwidth(61_000_000_000, MACHINE, tmp_path)
    assert with_measured_bandwidth(MACHINE, tmp_path).memory.bandwidth_bytes_per_s == 61_000_000_000
    other_kernel = replace(MACHINE, memory=Memory(32 * GIB - 9_000_000, GIB))
    assert with_measured_bandwidth(other_kernel, tmp_path).memory.bandwidth_bytes_per_s == 61_000_000_000
    more_memory = replace(MACHINE, memory=Memory(64 * GIB, GIB))
    assert with_measured_bandwidth(more_memory, tmp_path) is more_memory
    other = replace(MACHINE, cpu=Cpu("Another", 16, 32))
    assert with_measured_bandwidth(other, tmp_path) is other


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b"\xff",
        b'{"machine": {"cpu": "AMD Ryzen 9 7950X", "logical_cores": 32, "memory_gib": 32}, "bytes_per_s": 0}',
        b'{"machine": {"cpu": "AMD Ryzen 9 7950X", "logical_cores": 32, "memory_gib": 32}, "bytes_per_s": 1e300}',
    ],
)
def test_damaged_measurement_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "memory-bandwidth.json").write_bytes(content)
    assert with_measured_bandwidth(MACHINE, tmp_path) is MACHINE


def test_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault):
        keep_bandwidth(1, MACHINE, tmp_path / "nowhere")
