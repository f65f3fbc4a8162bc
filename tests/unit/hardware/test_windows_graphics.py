"""Values of display adapters' registry keys in, accelerators out.

Laid out as Microsoft's "Registering Hardware Information" says, with the types that drivers write: NVIDIA and AMD a
REG_QWORD and a truncated REG_DWORD, Intel a REG_BINARY as well.
"""

from __future__ import annotations

from app.hardware import Accelerator, Memory
from app.hardware.windows_graphics import parse_adapters

GIB = 1024**3
MEMORY = Memory(32 * GIB, 20 * GIB)

RTX_4090 = {
    "DriverDesc": "NVIDIA GeForce RTX 4090",
    "MatchingDeviceId": r"PCI\VEN_10DE&DEV_2684",
    "HardwareInformation.qwMemorySize": 25_757_220_864,
    "HardwareInformation.MemorySize": 4_293_918_720,
}
RX_6800 = {
    "DriverDesc": "AMD Radeon RX 6800",
    "MatchingDeviceId": r"PCI\VEN_1002&DEV_73BF&REV_C3",
    "HardwareInformation.qwMemorySize": 17_163_091_968,
    "HardwareInformation.MemorySize": b"\x00\x00\xf0\xff",
}
RADEON_860M = {
    "DriverDesc": "AMD Radeon(TM) 860M Graphics",
    "MatchingDeviceId": r"pci\ven_1002&dev_1114&rev_c4",
    "HardwareInformation.qwMemorySize": 4 * GIB,
}
IRIS_XE = {
    "DriverDesc": "Intel(R) Iris(R) Xe Graphics",
    "MatchingDeviceId": r"PCI\VEN_8086&DEV_46A6",
    "HardwareInformation.qwMemorySize": (1 << 30).to_bytes(8, "little"),
}
ARC_A770 = {
    "DriverDesc": "Intel(R) Arc(TM) A770 Graphics",
    "MatchingDeviceId": r"PCI\VEN_8086&DEV_56A0",
    "HardwareInformation.qwMemorySize": (17_079_205_888).to_bytes(8, "little"),
}
REMOTE = {"DriverDesc": "Microsoft Remote Display Adapter", "MatchingDeviceId": "terminpt_bus\\display"}
BASIC = {"DriverDesc": "Microsoft Basic Display Adapter", "MatchingDeviceId": r"PCI\CC_0300"}


def test_cards_have_the_64_bit_size_and_nobody_tells_what_is_free() -> None:
    found, notes = parse_adapters([RTX_4090, RX_6800, ARC_A770], MEMORY)
    assert [(each.name, each.backend, each.total_bytes) for each in found] == [
        ("NVIDIA GeForce RTX 4090", "CUDA", 25_757_220_864),
        ("AMD Radeon RX 6800", "Vulkan", 17_163_091_968),
        ("Intel Arc A770 Graphics", "Vulkan", 17_079_205_888),
    ]
    assert all(each.free_is_assumed and 0 < each.free_bytes < each.total_bytes for each in found)
    assert not any(each.integrated or each.pci_address for each in found)
    assert notes == ()


def test_amd_graphics_in_the_processor_have_what_is_set_aside_and_half_of_memory() -> None:
    """Microsoft, "Calculating Graphics Memory": half of the system's memory is there for graphics."""
    (found,), _ = parse_adapters([RADEON_860M], MEMORY)
    assert found.integrated
    assert (found.total_bytes, found.own_bytes) == (4 * GIB + 16 * GIB, 4 * GIB)
    assert found.free_bytes <= 4 * GIB + 16 * GIB


def test_what_intels_driver_reports_for_graphics_without_memory_does_not_count() -> None:
    (found,), _ = parse_adapters([IRIS_XE], Memory(32 * GIB, 10 * GIB))
    assert found == Accelerator(
        "Intel Iris Xe Graphics", "Vulkan", 16 * GIB, 10 * GIB, integrated=True, free_is_assumed=True
    )


def test_desktops_of_other_computers_and_damaged_keys_are_passed_over() -> None:
    nonsense = {"DriverDesc": b"\xff", "MatchingDeviceId": 7, "HardwareInformation.qwMemorySize": "much"}
    assert parse_adapters([REMOTE, BASIC, {}, nonsense], MEMORY) == ((), ())


def test_card_without_a_size_leaves_a_note() -> None:
    for size in (0, -5, b"", "8 GB"):
        found, notes = parse_adapters(
            [{**RX_6800, "HardwareInformation.qwMemorySize": size, "HardwareInformation.MemorySize": size}],
            MEMORY,
        )
        assert found == ()
        assert notes == ("The driver of AMD Radeon RX 6800 does not tell how much memory it has.",)
