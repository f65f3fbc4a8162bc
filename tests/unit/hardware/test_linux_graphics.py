"""sysfs as amdgpu, i915 and xe fill it in, accelerators out.

The files of amdgpu are described in the kernel's "Misc AMDGPU driver information"; their numbers are as rocm-smi
prints them for these devices.
"""

from __future__ import annotations

from pathlib import Path

from app.hardware import Accelerator, Memory
from app.hardware.linux_graphics import is_awake, read_amd_free, read_linux_graphics
from tests.unit.hardware.sysfs import put_display

GIB = 1024**3
MEMORY = Memory(64 * GIB, 40 * GIB)

RX_7900_XTX = {
    "vendor": "0x1002",
    "device": "0x744c",
    "revision": "0xc8",
    "mem_info_vram_total": "25753026560",
    "mem_info_vram_used": "1342177280",
    "mem_info_gtt_total": "33669480448",
    "mem_info_gtt_used": "134217728",
    "hwmon/hwmon3/in0_label": "vddgfx",
    "power/runtime_status": "active",
}
STRIX_HALO = {
    "vendor": "0x1002",
    "device": "0x1586",
    "revision": "0xc1",
    "mem_info_vram_total": str(GIB // 2),
    "mem_info_vram_used": str(GIB // 4),
    "mem_info_gtt_total": str(60 * GIB),
    "mem_info_gtt_used": str(6 * GIB),
    "hwmon/hwmon4/in0_label": "vddgfx",
    "hwmon/hwmon4/in1_label": "vddnb",
}
UHD_770 = {"vendor": "0x8086", "device": "0x4680", "revision": "0x0c"}
ARC_B580 = {
    "vendor": "0x8086",
    "device": "0xe20b",
    "revision": "0x00",
    "tile0/physical_vram_size_bytes": str(12 * GIB),
}


def test_amd_card_has_its_own_memory(tmp_path: Path) -> None:
    put_display(
        tmp_path, "card0", "0000:03:00.0", "amdgpu", RX_7900_XTX, "Navi 31 [Radeon RX 7900 XT/7900 XTX]"
    )
    ids = tmp_path / "usr/share/libdrm/amdgpu.ids"
    ids.parent.mkdir(parents=True)
    ids.write_text("744C,\tC8,\tAMD Radeon RX 7900 XTX\n")
    found, notes = read_linux_graphics(MEMORY, tmp_path)
    assert found == (
        Accelerator(
            "AMD Radeon RX 7900 XTX",
            "Vulkan",
            25_753_026_560,
            24_410_849_280,
            bandwidth_bytes_per_s=960_000_000_000,
            pci_address="0000:03:00.0",
        ),
    )
    assert found[0].own_bytes == 25_753_026_560
    assert notes == ()


def test_amd_graphics_in_the_processor_share_main_memory(tmp_path: Path) -> None:
    """0.5 GiB are set aside, of them 0.25 free; of main memory 60 GiB may be mapped, 54 are not, 40 can be had."""
    put_display(
        tmp_path, "card1", "0000:c5:00.0", "amdgpu", STRIX_HALO, "Strix Halo [Radeon Graphics / Radeon 8060S]"
    )
    (found,), notes = read_linux_graphics(MEMORY, tmp_path)
    assert found.integrated
    assert found.total_bytes == 60 * GIB + GIB // 2
    assert found.free_bytes == 40 * GIB + GIB // 4
    assert found.own_bytes == GIB // 2
    assert notes == ()


def test_amd_without_sensors_is_told_by_its_name(tmp_path: Path) -> None:
    files = {name: text for name, text in STRIX_HALO.items() if "hwmon" not in name}
    put_display(tmp_path, "card0", "0000:c5:00.0", "amdgpu", files, "Phoenix1 [Radeon 780M Graphics]")
    (found,), _ = read_linux_graphics(MEMORY, tmp_path)
    assert found.integrated


def test_intel_graphics_in_the_processor_may_use_three_quarters_of_memory(tmp_path: Path) -> None:
    put_display(tmp_path, "card0", "0000:00:02.0", "i915", UHD_770, "Alder Lake-S GT1 [UHD Graphics 770]")
    (found,), notes = read_linux_graphics(MEMORY, tmp_path)
    assert found == Accelerator(
        "Intel UHD Graphics 770",
        "Vulkan",
        48 * GIB,
        40 * GIB,
        integrated=True,
        pci_address="0000:00:02.0",
    )
    assert notes == ()
    (small,), _ = read_linux_graphics(Memory(4 * GIB, 3 * GIB), tmp_path)
    assert (small.total_bytes, small.free_bytes) == (2 * GIB, 2 * GIB)


def test_intel_card_tells_its_size_and_not_what_is_free(tmp_path: Path) -> None:
    put_display(tmp_path, "card0", "0000:03:00.0", "xe", ARC_B580, "Battlemage G21 [Arc B580]")
    (found,), _ = read_linux_graphics(MEMORY, tmp_path)
    assert (found.name, found.total_bytes, found.integrated) == ("Intel Arc B580", 12 * GIB, False)
    assert found.free_is_assumed
    assert 0 < found.free_bytes < 12 * GIB
    assert found.bandwidth_bytes_per_s == 456_000_000_000


def test_intels_own_driver_tells_a_cards_size_beside_the_device(tmp_path: Path) -> None:
    files = {"vendor": "0x8086", "device": "0x56a0"}
    put_display(tmp_path, "card0", "0000:03:00.0", "i915", files, "DG2 [Arc A770]")
    (tmp_path / "sys/class/drm/card0/lmem_total_bytes").write_text("17179869184\n")
    (found,), _ = read_linux_graphics(MEMORY, tmp_path)
    assert found.total_bytes == 16 * GIB


def test_devices_that_do_not_tell_their_memory_leave_a_note(tmp_path: Path) -> None:
    """The kernel's own i915 gives no size for an Arc card, radeon none at all."""
    put_display(
        tmp_path, "card0", "0000:03:00.0", "i915", {"vendor": "0x8086", "device": "0x56a0"}, "DG2 [Arc A770]"
    )
    put_display(tmp_path, "card1", "0000:04:00.0", "radeon", {"vendor": "0x1002", "device": "0x6798"})
    found, notes = read_linux_graphics(MEMORY, tmp_path)
    assert found == ()
    assert [note for note in notes if "Intel Arc A770" in note]
    assert [note for note in notes if "AMD graphics 6798" in note]


def test_nvidia_card_without_nvidias_driver_leaves_a_note(tmp_path: Path) -> None:
    files = {"vendor": "0x10de", "device": "0x2204"}
    put_display(tmp_path, "card0", "0000:01:00.0", "nouveau", files, "GA102 [GeForce RTX 3090]")
    put_display(tmp_path, "card1", "0000:02:00.0", "nvidia", files, "GA102 [GeForce RTX 3090]")
    found, notes = read_linux_graphics(MEMORY, tmp_path)
    assert found == ()
    assert notes == ("Models can run on NVIDIA GeForce RTX 3090 only with NVIDIA's own driver.",)


def test_servers_console_and_virtual_displays_are_passed_over(tmp_path: Path) -> None:
    put_display(tmp_path, "card0", "0000:02:00.0", "ast", {"vendor": "0x1a03", "device": "0x2000"})
    (tmp_path / "sys/class/drm/card1").mkdir()
    (tmp_path / "sys/class/drm/version").write_text("drm 1.1.0 20060810\n")
    assert read_linux_graphics(MEMORY, tmp_path) == ((), ())
    assert read_linux_graphics(MEMORY, tmp_path / "nowhere") == ((), ())


def test_numbers_that_are_none_count_as_not_told(tmp_path: Path) -> None:
    files = {**RX_7900_XTX, "mem_info_vram_total": "9" * 5000, "mem_info_vram_used": "-1"}
    put_display(tmp_path, "card0", "0000:03:00.0", "amdgpu", files)
    found, notes = read_linux_graphics(MEMORY, tmp_path)
    assert found == ()
    assert len(notes) == 1


def test_free_memory_is_read_again_from_those_awake(tmp_path: Path) -> None:
    card = put_display(tmp_path, "card0", "0000:03:00.0", "amdgpu", RX_7900_XTX)
    put_display(tmp_path, "card1", "0000:c5:00.0", "amdgpu", STRIX_HALO)
    found, _ = read_linux_graphics(MEMORY, tmp_path)
    (card / "mem_info_vram_used").write_text("20000000000\n")
    memory = Memory(64 * GIB, GIB)
    assert read_amd_free(found, memory, tmp_path) == {
        "0000:03:00.0": 5_753_026_560,
        "0000:c5:00.0": GIB + GIB // 4,
    }
    (card / "power/runtime_status").write_text("suspended\n")
    assert not is_awake("0000:03:00.0", tmp_path)
    assert set(read_amd_free(found, memory, tmp_path)) == {"0000:c5:00.0"}
