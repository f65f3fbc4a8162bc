"""Free memory from second to second, with drivers that sleep, hang and come back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from app.hardware import Accelerator, Cpu, LiveMachine, Machine, Memory
from app.hardware.linux_graphics import read_linux_graphics
from tests.unit.hardware.fake_nvml import Card, FakeNvml, NvmlError
from tests.unit.hardware.sysfs import put_display
from tests.unit.hardware.test_linux_graphics import RX_7900_XTX

GIB = 1024**3
CPU = Cpu("Test", 4, 8)
CARD = Accelerator("NVIDIA GeForce RTX 4060", "CUDA", 8 * GIB, 7 * GIB, pci_address="0000:01:00.0")
MEMORY = Memory(1, 1, unified=True, bandwidth_bytes_per_s=5)
MACHINE = Machine(CPU, MEMORY, (CARD,), ("A note.",))


def test_main_memory_is_as_it_is_now_and_the_rest_stays() -> None:
    read = LiveMachine(Machine(CPU, MEMORY)).read()
    assert 0 < read.memory.available_bytes <= read.memory.total_bytes <= psutil.virtual_memory().total
    assert (read.memory.unified, read.memory.bandwidth_bytes_per_s, read.cpu) == (True, 5, CPU)


def test_card_is_read_each_time_with_the_driver_kept_open(tmp_path: Path) -> None:
    nvml = FakeNvml([Card(CARD.name, 8 * GIB, 6 * GIB)])
    live = LiveMachine(MACHINE, root=tmp_path, nvml=nvml)
    assert live.read().accelerators[0].free_bytes == 6 * GIB
    nvml.cards[0] = Card(CARD.name, 8 * GIB, 2 * GIB)
    read = live.read()
    assert read.accelerators[0].free_bytes == 2 * GIB
    assert read.notes == ("A note.",)
    assert nvml.sessions == 1
    live.close()
    wait_until(lambda: nvml.sessions == 0)
    assert live.read().accelerators[0].free_bytes == 2 * GIB


def test_driver_that_hangs_does_not_keep_main_memory_waiting(tmp_path: Path) -> None:
    nvml = FakeNvml([Card(CARD.name, 8 * GIB, 6 * GIB)])
    live = LiveMachine(MACHINE, root=tmp_path, nvml=nvml)
    live.read()
    nvml.answering.clear()
    try:
        begun = time.monotonic()
        read = live.read()
        assert time.monotonic() - begun < 2
        assert read.notes == ("A note.", "The NVIDIA driver does not answer.")
        assert read.accelerators[0].free_bytes == 6 * GIB
        begun, threads = time.monotonic(), threading.active_count()
        for _ in range(5):
            assert live.read().notes == read.notes
        assert time.monotonic() - begun < 0.5
        assert threading.active_count() == threads
    finally:
        nvml.answering.set()
    wait_until(lambda: live.read().notes == ("A note.",))
    live.close()


def test_card_that_is_lost_leaves_a_note_and_its_last_number(tmp_path: Path) -> None:
    nvml = FakeNvml([Card(CARD.name, 8 * GIB, 6 * GIB)])
    live = LiveMachine(MACHINE, root=tmp_path, nvml=nvml)
    live.read()
    nvml.cards[0] = Card(CARD.name, error=NvmlError(15, "GPU is lost"))
    read = live.read()
    assert read.notes == ("A note.", "NVIDIA GeForce RTX 4060 does not answer.")
    assert read.accelerators[0].free_bytes == 6 * GIB
    live.close()


def test_card_that_sleeps_is_left_asleep(tmp_path: Path) -> None:
    status = tmp_path / "sys/bus/pci/devices/0000:01:00.0/power/runtime_status"
    status.parent.mkdir(parents=True)
    status.write_text("suspended\n")
    nvml = FakeNvml([Card(CARD.name, 8 * GIB, 6 * GIB)])
    live = LiveMachine(MACHINE, root=tmp_path, nvml=nvml)
    read = live.read()
    assert read.accelerators[0].free_bytes == 7 * GIB
    assert read.notes == ("A note.",)
    status.write_text("active\n")
    assert live.read().accelerators[0].free_bytes == 6 * GIB
    live.close()


@pytest.mark.skipif("sys.platform != 'linux'")
def test_amd_card_is_read_from_sysfs(tmp_path: Path) -> None:
    card = put_display(
        tmp_path, "card0", "0000:03:00.0", "amdgpu", RX_7900_XTX, "Navi 31 [Radeon RX 7900 XTX]"
    )
    found, _ = read_linux_graphics(Memory(64 * GIB, 40 * GIB), tmp_path)
    live = LiveMachine(Machine(CPU, MEMORY, found), root=tmp_path)
    (card / "mem_info_vram_used").write_text("20000000000\n")
    assert live.read().accelerators[0].free_bytes == 5_753_026_560
    (card / "mem_info_vram_used").unlink()
    assert live.read().notes == ("AMD Radeon RX 7900 XTX does not answer.",)


def test_graphics_in_main_memory_have_free_what_it_has_up_to_their_budget() -> None:
    little = Accelerator("Apple GPU", "Metal", 1000, 1, integrated=True)
    much = Accelerator("Apple GPU", "Metal", 1 << 49, 1, integrated=True)
    read = LiveMachine(Machine(CPU, MEMORY, (little, much))).read()
    assert read.accelerators[0].free_bytes == 1000
    assert read.accelerators[1].free_bytes == read.memory.available_bytes


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)
