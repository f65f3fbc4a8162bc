"""Which runtime packs suit which computer, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.hardware.machine import Accelerator
from app.hardware.nvidia_driver import CudaCard, NvidiaDriver, read_nvidia_driver
from app.hardware.pack_offers import Here, PackOffer, hint_of, judged, offers_for
from app.hardware.vulkan import has_vulkan_driver
from app.runtime.packs import RuntimePacks
from app.runtime.packs.computer import this_machine, this_system
from app.runtime.packs.offered import OfferedPack, offered_packs
from app.runtime.packs.place import PackPlace
from app.storage import DataFolder
from tests.helpers.packs import VERSION, write_manifest
from tests.unit.hardware.fake_nvml import Card, FakeNvml, NvmlError

GB = 10**9
RTX = Accelerator("NVIDIA GeForce RTX 4060", "CUDA", 8 * GB, 7 * GB)
RADEON = Accelerator("AMD Radeon RX 7900 XTX", "Vulkan", 24 * GB, 23 * GB)
INTEL = Accelerator("Intel UHD Graphics 770", "Vulkan", 16 * GB, 12 * GB, integrated=True)


def offered(name: str, title: str, **facts: str) -> OfferedPack:
    (made,) = offered_packs(
        [
            {
                "name": name,
                "title": title,
                "backend": name.partition("-")[0],
                "system": this_system(),
                "machine": this_machine(),
                "version": VERSION,
                "address": f"https://example.org/{name}.tar.gz",
                "bytes": 412_000_000,
                "unpacked_bytes": 980_000_000,
                "sha256": "ab" * 32,
                **facts,
            }
        ]
    )
    return made


CUDA_12, CUDA_13 = offered("cuda-12", "CUDA 12"), offered("cuda-13", "CUDA 13")
VULKAN, HIP, CPU = offered("vulkan", "Vulkan"), offered("hip", "ROCm"), offered("cpu", "CPU")
ALL = (CPU, VULKAN, HIP, CUDA_12, CUDA_13)


def here(
    *graphics: Accelerator, driver: str = "", capability: tuple[int, int] = (8, 9), vulkan: bool = False
) -> Here:
    """A Linux computer; `driver`: NVIDIA's."""
    nvidia = NvidiaDriver(driver, (CudaCard(RTX.name, capability),)) if driver else None
    return Here("linux", this_machine(), VERSION, graphics, nvidia, vulkan, has_kfd=True)


# One pack


@pytest.mark.parametrize(
    ("pack", "driver", "suits"),
    [
        (CUDA_12, "525.60.12", False),
        (CUDA_12, "525.60.13", True),
        (CUDA_12, "525.147.05", True),
        (CUDA_12, "580.65.06", True),
        (CUDA_12, "470.256.02", False),
        (CUDA_13, "579.99.99", False),
        (CUDA_13, "580.65.06", True),
        (CUDA_13, "595.10", True),
    ],
)
def test_cuda_needs_a_driver_as_new_as_nvidia_says(pack: OfferedPack, driver: str, suits: bool) -> None:
    told = judged(pack, here(RTX, driver=driver))
    assert told.suits is suits
    assert driver in told.reason


@pytest.mark.parametrize(("driver", "suits"), [("528.24", False), ("528.33", True), ("581.15", True)])
def test_cuda_12_on_windows_needs_another_driver_than_on_linux(driver: str, suits: bool) -> None:
    on_windows = replace(here(RTX, driver=driver), system="windows")
    assert judged(CUDA_12, on_windows).suits is suits


@pytest.mark.parametrize(
    ("capability", "suits"),
    [
        ((6, 1), False),
        ((7, 0), False),
        ((7, 5), True),
        ((9, 0), True),
        ((12, 0), True),
        ((12, 1), True),
        ((13, 0), False),
    ],
)
def test_cuda_packs_are_for_capabilities_from_7_5_to_12(capability: tuple[int, int], suits: bool) -> None:
    told = judged(CUDA_13, here(RTX, driver="580.65.06", capability=capability))
    assert told.suits is suits
    assert suits or f"RTX 4060 has {capability[0]}.{capability[1]}" in told.reason


def test_cuda_without_an_nvidia_card_or_its_own_driver_says_what_is_missing() -> None:
    assert "none is found here" in judged(CUDA_13, here(RADEON)).reason
    assert (
        "NVIDIA's own driver, which does not answer for NVIDIA GeForce RTX 4060"
        in judged(CUDA_13, here(RTX)).reason
    )


def test_hip_is_for_amd_cards_that_the_kernel_lets_compute() -> None:
    assert judged(HIP, here(RADEON)).suits
    assert not judged(HIP, here(RTX)).suits
    assert not judged(HIP, here(replace(RADEON, integrated=True))).suits
    assert "/dev/kfd" in judged(HIP, replace(here(RADEON), has_kfd=False)).reason


def test_vulkan_is_for_graphics_of_any_maker_with_a_driver() -> None:
    for graphics in (RTX, RADEON, INTEL):
        assert judged(VULKAN, here(graphics, vulkan=True)).suits
        assert "Vulkan driver" in judged(VULKAN, here(graphics)).reason
    assert not judged(VULKAN, here(vulkan=True)).suits


def test_pack_for_other_bindings_suits_nobody() -> None:
    told = judged(offered("cpu", "CPU", version="0.2.90"), here())
    assert not told.suits
    assert "0.2.90" in told.reason


# All of them


@pytest.fixture
def data(home: Path) -> DataFolder:
    return DataFolder(home).create()


def offers(data: DataFolder, computer: Here, packs: tuple[OfferedPack, ...] = ALL) -> list[PackOffer]:
    return list(offers_for(computer, packs, RuntimePacks((data.packs,), data), PackPlace(data.packs, packs)))


def best(found: list[PackOffer]) -> list[str]:
    return [offer.pack.name for offer in found if offer.is_best]


@pytest.mark.parametrize(
    ("computer", "name"),
    [
        (here(RTX, driver="580.65.06", vulkan=True), ["cuda-13"]),
        (here(RTX, driver="550.54.14", vulkan=True), ["cuda-12"]),
        (here(RTX, vulkan=True), ["vulkan"]),
        (here(RADEON, vulkan=True), ["hip"]),
        (here(INTEL, vulkan=True), ["vulkan"]),
        (here(INTEL), []),
        (here(), []),
    ],
)
def test_fastest_that_suits_is_the_best_and_stands_first(
    data: DataFolder, computer: Here, name: list[str]
) -> None:
    found = offers(data, computer)
    assert best(found) == name
    assert [offer.pack.name for offer in found][: len(name)] == name
    assert len(found) == len(ALL)
    assert all(offer.reason.endswith(".") for offer in found)


def test_packs_of_other_systems_and_machines_are_left_out(data: DataFolder) -> None:
    others = (offered("cpu", "CPU", system="plan9"), offered("cpu", "CPU", machine="vax"))
    assert offers(data, here(), others) == []


def test_nothing_is_to_get_where_the_best_is_here(data: DataFolder) -> None:
    write_manifest(data.packs / "any", "CUDA 13", "cuda")
    found = offers(data, here(RTX, driver="580.65.06", vulkan=True))
    assert best(found) == []
    assert [offer.pack.name for offer in found if offer.is_here] == ["cuda-13"]
    assert hint_of(found) == ""


def test_next_best_is_told_where_the_best_was_set_aside(data: DataFolder) -> None:
    write_manifest(data.packs / "any", "CUDA 13", "cuda")
    packs = RuntimePacks((data.packs,), data)
    packs.try_now(packs.states()[0].pack)  # there is no library in it
    assert best(offers(data, here(RTX, driver="580.65.06", vulkan=True))) == ["cuda-12"]


def test_slower_pack_that_is_here_leaves_a_faster_one_to_get(data: DataFolder) -> None:
    write_manifest(data.packs / "any", "Vulkan", "vulkan")
    found = offers(data, here(RTX, driver="580.65.06", vulkan=True))
    assert best(found) == ["cuda-13"]
    assert "Get the runtime pack CUDA 13 (412 MB): the fastest way to use NVIDIA GeForce RTX 4060" in hint_of(
        found
    )


def test_older_cuda_that_works_is_as_fast(data: DataFolder) -> None:
    write_manifest(data.packs / "any", "CUDA 12", "cuda")
    assert best(offers(data, here(RTX, driver="580.65.06"))) == []


def test_pack_of_another_nibble_is_told_and_got_anew(data: DataFolder) -> None:
    write_manifest(data.packs / "any", "CUDA 13", "cuda", built_from="0.2.90")
    found = offers(data, here(RTX, driver="580.65.06"))
    (outdated,) = [offer for offer in found if offer.is_outdated]
    assert (outdated.pack.name, outdated.is_best, outdated.is_here) == ("cuda-13", True, False)
    assert "of another Nibble" in hint_of(found)


# What drivers tell


def test_nvidias_driver_tells_its_version_and_what_cards_can_compute() -> None:
    nvml = FakeNvml(
        [Card("NVIDIA GeForce RTX 4060"), NvmlError(15, "lost"), Card(b"Tesla T4", capability=(7, 5))]
    )
    assert read_nvidia_driver(nvml) == NvidiaDriver(
        "580.65.06", (CudaCard("NVIDIA GeForce RTX 4060", (8, 9)), CudaCard("Tesla T4", (7, 5)))
    )
    assert nvml.sessions == 0
    assert read_nvidia_driver(FakeNvml(init_error=NvmlError(12, "not found"))) is None


def vulkan_on(root: Path, *manifests: str, loader: bool = True, **environment: str) -> bool:
    for manifest in manifests:
        (root / manifest).parent.mkdir(parents=True, exist_ok=True)
        (root / manifest).touch()
    if loader:
        (root / "usr/lib/x86_64-linux-gnu").mkdir(parents=True)
        (root / "usr/lib/x86_64-linux-gnu/libvulkan.so.1").touch()
    return has_vulkan_driver("linux", root, {"HOME": "/home/ada", **environment})


@pytest.mark.parametrize("place", ["usr/share", "etc", "usr/local/share", "home/ada/.local/share"])
def test_vulkan_driver_is_found_where_the_loader_finds_it(tmp_path: Path, place: str) -> None:
    assert vulkan_on(tmp_path, f"{place}/vulkan/icd.d/nvidia_icd.json")


def test_vulkan_needs_its_loader_and_a_driver_that_computes_on_graphics(tmp_path: Path) -> None:
    manifest = "usr/share/vulkan/icd.d/radeon_icd.x86_64.json"
    assert not vulkan_on(tmp_path / "a", manifest, loader=False)
    assert not vulkan_on(tmp_path / "b", "usr/share/vulkan/icd.d/lvp_icd.x86_64.json")
    assert not vulkan_on(tmp_path / "c")
    assert vulkan_on(tmp_path / "d", VK_DRIVER_FILES="/opt/nvidia_icd.json")
    assert not vulkan_on(tmp_path / "e", manifest, VK_ICD_FILENAMES="/opt/lvp_icd.json")


def test_vulkan_on_windows_is_there_with_its_library(tmp_path: Path) -> None:
    environment = {"SYSTEMROOT": str(tmp_path)}
    assert not has_vulkan_driver("win32", environment=environment)
    (tmp_path / "System32").mkdir()
    (tmp_path / "System32" / "vulkan-1.dll").touch()
    assert has_vulkan_driver("win32", environment=environment)
    assert not has_vulkan_driver("darwin", environment=environment)
