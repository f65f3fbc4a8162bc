"""Lays out what the kernel shows of a graphics device, from files recorded on real computers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def put_display(
    root: Path, card: str, pci_address: str, driver: str, files: Mapping[str, str], udev_model: str = ""
) -> Path:
    """The PCI device with `files` (names below it), `card` in the class of displays, and udev's record."""
    device = root / "sys/devices/pci0000:00" / pci_address
    for name, text in files.items():
        path = device / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    driver_folder = root / "sys/bus/pci/drivers" / driver
    driver_folder.mkdir(parents=True, exist_ok=True)
    (device / "driver").symlink_to(driver_folder)
    for link in (root / "sys/bus/pci/devices" / pci_address, root / "sys/class/drm" / card / "device"):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(device)
    (root / "sys/class/drm" / f"{card}-DP-1").mkdir()
    if udev_model:
        record = root / f"run/udev/data/+pci:{pci_address}"
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(f"I:2\nE:ID_VENDOR_FROM_DATABASE=x\nE:ID_MODEL_FROM_DATABASE={udev_model}\n")
    return device
