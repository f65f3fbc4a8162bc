"""AMD and Intel graphics on Linux, from sysfs.

amdgpu's mem_info files: the kernel's "Misc AMDGPU driver information"; free memory of Intel's is told by neither
of its drivers, the size of a card's only by xe (tileN/physical_vram_size_bytes) and Intel's own i915
(lmem_total_bytes beside device).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.hardware.bandwidth import known_bandwidth
from app.hardware.graphics_names import (
    MAKERS,
    Maker,
    is_in_processor,
    parse_amdgpu_ids,
    parse_udev_record,
)
from app.hardware.machine import Accelerator, Memory

_CARD = re.compile(r"card\d+")
_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_INTEL_IN_PROCESSOR = "0000:00:02.0"
"""Where Intel's integrated graphics always are, and no card."""
_SMALL_MACHINE_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class _Display:
    """A graphics device in sysfs; `folder` is that of its PCI device."""

    card: Path
    folder: Path
    pci_address: str
    maker: Maker
    name: str


def read_linux_graphics(
    memory: Memory, root: Path = Path("/")
) -> tuple[tuple[Accelerator, ...], tuple[str, ...]]:
    """AMD's and Intel's, and a note for each that cannot be described. NVIDIA's are left to NVML, as long as their
    own driver runs them."""
    found: list[Accelerator] = []
    notes: list[str] = []
    for display in _displays(root):
        if display.maker == "NVIDIA":
            if (display.folder / "driver").resolve().name != "nvidia":
                notes.append(f"Models can run on {display.name} only with NVIDIA's own driver.")
            continue
        described = (
            _describe_amd(display, memory) if display.maker == "AMD" else _describe_intel(display, memory)
        )
        if described is not None:
            found.append(described)
        else:
            notes.append(f"The driver of {display.name} does not tell how much memory it has.")
    return tuple(found), tuple(notes)


def read_amd_free(
    accelerators: Iterable[Accelerator], memory: Memory, root: Path = Path("/")
) -> dict[str, int]:
    """Bytes free now by address, of those that amdgpu drives and that are awake."""
    found: dict[str, int] = {}
    for each in accelerators:
        folder = root / "sys/bus/pci/devices" / each.pci_address
        if is_awake(each.pci_address, root):
            space = _amd_space(folder, memory, each.integrated)
            if space is not None:
                found[each.pci_address] = space.free_bytes
    return found


def is_awake(pci_address: str, root: Path = Path("/")) -> bool:
    """False while the device saves power: to ask it would wake it."""
    return _text(root / "sys/bus/pci/devices" / pci_address / "power/runtime_status") != "suspended"


def _displays(root: Path) -> Iterator[_Display]:
    """The graphics devices of the makers that models run on, those of servers' consoles left out."""
    cards = [card for card in (root / "sys/class/drm").glob("card*") if _CARD.fullmatch(card.name)]
    for card in sorted(cards, key=lambda each: int(each.name[4:])):
        folder = (card / "device").resolve()
        maker = MAKERS.get(_hexadecimal(folder / "vendor"))
        if maker is not None and _ADDRESS.fullmatch(folder.name):
            yield _Display(card, folder, folder.name, maker, _name(root, folder, maker))


@dataclass(frozen=True)
class _Space:
    total_bytes: int
    free_bytes: int
    reserved_bytes: int


def _describe_amd(display: _Display, memory: Memory) -> Accelerator | None:
    integrated = _is_amd_in_processor(display)
    space = _amd_space(display.folder, memory, integrated)
    if space is None:
        return None
    return Accelerator(
        display.name,
        "Vulkan",
        space.total_bytes,
        space.free_bytes,
        integrated,
        known_bandwidth(display.name, space.total_bytes),
        space.reserved_bytes,
        pci_address=display.pci_address,
    )


def _amd_space(folder: Path, memory: Memory, integrated: bool) -> _Space | None:
    own, own_used = _number(folder / "mem_info_vram_total"), _number(folder / "mem_info_vram_used")
    if own is None or own_used is None:
        return None
    if not integrated:
        return _Space(own, own - own_used, 0)
    # What the firmware sets aside, and beyond it the pages of main memory that the driver may map (GTT).
    shared, shared_used = _number(folder / "mem_info_gtt_total"), _number(folder / "mem_info_gtt_used")
    shared = min(shared or 0, memory.total_bytes)
    shared_free = min(max(shared - (shared_used or 0), 0), memory.available_bytes)
    return _Space(own + shared, own - own_used + shared_free, own)


def _is_amd_in_processor(display: _Display) -> bool:
    # amdgpu_pm.c gives the voltage "vddnb" to graphics in processors alone.
    labels = [_text(path) for path in display.folder.glob("hwmon/hwmon*/in*_label")]
    return "vddnb" in labels if labels else is_in_processor(display.name)


def _describe_intel(display: _Display, memory: Memory) -> Accelerator | None:
    if display.pci_address == _INTEL_IN_PROCESSOR:
        # As much as Mesa's driver offers, which for llama.cpp is all there is (anv_physical_device.c).
        small = memory.total_bytes <= _SMALL_MACHINE_BYTES
        total = memory.total_bytes // 2 if small else memory.total_bytes * 3 // 4
        return Accelerator(
            display.name,
            "Vulkan",
            total,
            min(total, memory.available_bytes),
            integrated=True,
            pci_address=display.pci_address,
        )
    tiles = (_number(path) for path in display.folder.glob("tile*/physical_vram_size_bytes"))
    own = sum(filter(None, tiles)) or _number(display.card / "lmem_total_bytes")
    if not own:
        return None
    return Accelerator(
        display.name,
        "Vulkan",
        own,
        own * 9 // 10,
        bandwidth_bytes_per_s=known_bandwidth(display.name, own),
        free_is_assumed=True,
        pci_address=display.pci_address,
    )


def _name(root: Path, folder: Path, maker: Maker) -> str:
    device = _hexadecimal(folder / "device")
    name = ""
    if maker == "AMD":
        ids = _text(root / "usr/share/libdrm/amdgpu.ids")
        name = parse_amdgpu_ids(ids, device, _hexadecimal(folder / "revision"))
    name = name or parse_udev_record(_text(root / f"run/udev/data/+pci:{folder.name}"), maker)
    return name or f"{maker} graphics {device:04x}"


def _hexadecimal(path: Path) -> int:
    try:
        return int(_text(path), 16)
    except ValueError:
        return 0


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
