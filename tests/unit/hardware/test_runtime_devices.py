"""The runtime's list of devices joined with what drivers tell; devices as llama.cpp logs them."""

from __future__ import annotations

import socket
import sys
import time
from dataclasses import replace

import pytest

from app.hardware import Accelerator, Cpu, Machine, Memory, ask_runtime, with_runtime_devices
from app.runtime.client import Worker
from app.runtime.protocol import Device

GIB = 1024**3
MEMORY = Memory(32 * GIB, 20 * GIB)
CPU_DEVICE = Device(
    name="CPU",
    description="AMD Ryzen with NVIDIA H200 in its name",
    backend="CPU",
    kind="cpu",
    total_bytes=32 * GIB,
    free_bytes=32 * GIB,
)
RTX_4060 = Accelerator("NVIDIA GeForce RTX 4060", "CUDA", 8188 << 20, 7000 << 20, pci_address="0000:01:00.0")
RX_7900 = Accelerator(
    "AMD Radeon RX 7900 XT/7900 XTX", "Vulkan", 24560 << 20, 23000 << 20, pci_address="0000:03:00.0"
)
RADEON_780M = Accelerator(
    "AMD Phoenix1 graphics",
    "Vulkan",
    16 * GIB + GIB // 2,
    15 * GIB,
    integrated=True,
    reserved_bytes=GIB // 2,
    pci_address="0000:c5:00.0",
)
APPLE = Accelerator("Apple GPU", "Metal", 21 * GIB, 20 * GIB, integrated=True, bandwidth_bytes_per_s=200)


def device(
    description: str, backend: str, total_mib: int, free_mib: int, kind: str = "gpu", number: int = 0
) -> Device:
    return Device(
        name=f"{backend}{number}",
        description=description,
        backend=backend,
        kind=kind,
        total_bytes=total_mib << 20,
        free_bytes=free_mib << 20,
    )


def joined(accelerators: tuple[Accelerator, ...], *devices: Device, memory: Memory = MEMORY) -> Machine:
    return with_runtime_devices(Machine(Cpu("Test", 4, 8), memory, accelerators), devices)


def test_card_has_the_runtimes_size_and_the_drivers_free_memory() -> None:
    """CUDA's total leaves out what the driver keeps, and its free memory what the asking process itself takes."""
    machine = joined((RTX_4060,), CPU_DEVICE, device("NVIDIA GeForce RTX 4060", "CUDA", 7807, 6600))
    (card,) = machine.accelerators
    assert (card.total_bytes, card.free_bytes) == (7807 << 20, 7000 << 20)
    assert (card.backend, card.usable, card.pci_address) == ("CUDA", True, "0000:01:00.0")
    assert machine.notes == ()


def test_card_named_otherwise_is_the_one_of_that_maker_and_size() -> None:
    listed = device("AMD Radeon RX 7900 XTX (RADV NAVI31)", "Vulkan", 24560, 24560)
    machine = joined((RX_7900,), listed, CPU_DEVICE)
    (card,) = machine.accelerators
    assert card.name == "AMD Radeon RX 7900 XTX"
    assert card.free_bytes == 23000 << 20
    assert card.bandwidth_bytes_per_s == 960_000_000_000
    assert machine.notes == ()


def test_size_without_use_is_replaced_by_what_the_runtime_knows() -> None:
    registered = replace(RX_7900, free_bytes=22000 << 20, free_is_assumed=True, pci_address="")
    (card,) = joined((registered,), device("AMD Radeon RX 7900 XTX", "Vulkan", 24560, 21000)).accelerators
    assert (card.free_bytes, card.free_is_assumed) == (21000 << 20, False)


def test_slice_of_a_card_has_its_own_size_and_free_memory() -> None:
    whole = Accelerator("NVIDIA H200", "CUDA", 143771 << 20, 100000 << 20, pci_address="0000:01:00.0")
    (card,) = joined((whole,), device("NVIDIA H200 MIG 1g.18gb", "CUDA", 16384, 16000)).accelerators
    assert card.name == "NVIDIA H200 MIG 1g.18gb"
    assert (card.total_bytes, card.free_bytes) == (16384 << 20, 16000 << 20)
    assert card.pci_address == ""


def test_two_cards_alike_stay_two_and_one_card_in_two_backends_is_one() -> None:
    second = replace(RTX_4060, free_bytes=3000 << 20, pci_address="0000:02:00.0")
    machine = joined(
        (RTX_4060, second),
        device("NVIDIA GeForce RTX 4060", "CUDA", 7807, 6600, number=0),
        device("NVIDIA GeForce RTX 4060", "CUDA", 7807, 2600, number=1),
        device("NVIDIA GeForce RTX 4060", "Vulkan", 8188, 8188, number=0),
        device("NVIDIA GeForce RTX 4060", "Vulkan", 8188, 8188, number=1),
    )
    assert [(card.backend, card.free_bytes >> 20) for card in machine.accelerators] == [
        ("CUDA", 7000),
        ("CUDA", 3000),
    ]


def test_device_no_driver_told_of_is_added_and_another_computers_never_joined() -> None:
    remote = device("NVIDIA GeForce RTX 4060", "RPC", 8188, 8000)
    machine = joined((RTX_4060,), remote, device("NVIDIA GeForce RTX 4060", "Vulkan", 8188, 8188))
    assert [(each.backend, each.pci_address) for each in machine.accelerators] == [
        ("RPC", ""),
        ("Vulkan", "0000:01:00.0"),
    ]
    (found,) = joined((), device("AMD Radeon RX 6800", "Vulkan", 16368, 16000)).accelerators
    assert (found.name, found.total_bytes, found.integrated) == ("AMD Radeon RX 6800", 16368 << 20, False)


def test_other_computers_devices_come_first_as_llama_cpp_uses_them() -> None:
    own, remote = (
        device("AMD Radeon RX 6800", "Vulkan", 16368, 16000),
        device("tower:50052", "RPC", 8188, 8000),
    )
    assert [each.backend for each in joined((), CPU_DEVICE, own, remote).accelerators] == ["RPC", "Vulkan"]


def test_server_that_a_person_named_and_nobody_answers_at_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("NIBBLE_RPC_SERVERS", f"{address},no address")
    _, notes = ask_runtime(within_s=60)
    assert f"The RPC server {address} cannot be reached" in notes[0]
    assert "no address in NIBBLE_RPC_SERVERS is not the address" in notes[1]


def test_mac_has_what_metal_says_the_working_set_may_be() -> None:
    memory = Memory(32 * GIB, 18 * GIB, unified=True)
    metal = device("Apple M2 Pro", "MTL", 22938, 22938)
    (gpu,) = joined((APPLE,), metal, CPU_DEVICE, memory=memory).accelerators
    assert (gpu.name, gpu.backend, gpu.total_bytes) == ("Apple GPU", "Metal", 22938 << 20)
    assert gpu.free_bytes == 18 * GIB
    assert gpu.bandwidth_bytes_per_s == 200


def test_budget_of_graphics_in_main_memory_is_never_more_than_that_memory() -> None:
    listed = device("AMD Radeon 780M Graphics (RADV PHOENIX)", "Vulkan", 60000, 60000, "igpu")
    (gpu,) = joined((RADEON_780M,), listed).accelerators
    assert gpu.integrated
    assert gpu.usable
    assert gpu.total_bytes == 32 * GIB + GIB // 2
    assert gpu.own_bytes == GIB // 2
    assert gpu.free_bytes == 15 * GIB


def test_graphics_in_the_processor_rest_where_there_is_a_card() -> None:
    """llama.cpp adds integrated devices only when it has found no other."""
    machine = joined(
        (RADEON_780M, RTX_4060),
        device("AMD Radeon 780M Graphics (RADV PHOENIX)", "Vulkan", 16896, 16000, "igpu"),
        device("NVIDIA GeForce RTX 4060", "Vulkan", 8188, 8000, number=1),
    )
    assert [(each.name, each.usable) for each in machine.accelerators] == [
        ("NVIDIA GeForce RTX 4060", True),
        ("AMD Radeon 780M Graphics", False),
    ]
    assert len(machine.notes) == 1
    assert "780M" in machine.notes[0]


def test_accelerators_a_runtime_for_the_processor_cannot_use_stay_with_a_note_each() -> None:
    machine = joined((RTX_4060, RX_7900, RX_7900), CPU_DEVICE, device("", "BLAS", 0, 0, "accel"))
    assert [each.usable for each in machine.accelerators] == [False] * 3
    assert machine.notes == (
        "The runtime in this build cannot use NVIDIA GeForce RTX 4060: models run on the processor.",
        "The runtime in this build cannot use AMD Radeon RX 7900 XT/7900 XTX: models run on the processor.",
    )
    assert joined((), CPU_DEVICE).notes == ()


def test_one_card_of_two_is_named_without_the_word_that_nothing_is_used() -> None:
    machine = joined((RTX_4060, RX_7900), device(RTX_4060.name, "CUDA", 7807, 6600))
    assert machine.notes == ("The runtime in this build cannot use AMD Radeon RX 7900 XT/7900 XTX.",)


@pytest.mark.parametrize(("total", "free"), [(0, 0), (7807, 9000), (0, 8000)])
def test_what_the_runtime_cannot_mean_is_put_right(total: int, free: int) -> None:
    (card,) = joined((RTX_4060,), device(RTX_4060.name, "CUDA", total, free)).accelerators
    assert 0 < card.free_bytes <= card.total_bytes
    machine = joined((), device(RTX_4060.name, "CUDA", total, free))
    assert len(machine.notes) == 1
    assert all(each.free_bytes <= each.total_bytes for each in machine.accelerators)


def test_runtime_that_dies_or_hangs_costs_a_note_and_no_more_than_its_time() -> None:
    def dies() -> Worker:
        return Worker([sys.executable, "-c", "pass"])

    def hangs() -> Worker:
        return Worker([sys.executable, "-c", "import time; time.sleep(60)"])

    def is_missing() -> Worker:
        return Worker(["/nonexistent/nibble"])

    for start in (dies, hangs, is_missing):
        begun = time.monotonic()
        described, notes = ask_runtime(start, within_s=0.5)
        assert time.monotonic() - begun < 8
        assert described is None
        assert len(notes) == 1
        assert notes[0].startswith("The runtime")


def test_runtime_tells_its_devices() -> None:
    described, notes = ask_runtime(within_s=60)
    assert notes == ()
    assert described is not None
    assert "CPU" in described.backends
