"""The table of memory bandwidths: possible, and the right row for a name and a size."""

from __future__ import annotations

import msgspec
import pytest

import resources
from app.hardware.bandwidth import KnownDevice, known_bandwidth

GIB = 1 << 30
DEVICES = msgspec.convert(resources.bandwidths(), list[KnownDevice])


def test_every_row_is_possible_and_names_its_source() -> None:
    assert len(DEVICES) >= 120
    assert all(10**9 < device.bandwidth_bytes_per_s < 10**13 for device in DEVICES)
    assert all(device.name and device.source for device in DEVICES)
    assert all((each.reached_bytes_per_s or 0) < each.bandwidth_bytes_per_s for each in DEVICES)
    assert all(each.flops is None or 10**12 < each.flops < 10**14 for each in DEVICES)


def test_rows_of_one_name_can_be_told_apart() -> None:
    keys = [(d.name.casefold(), d.memory_bytes, d.gpu_cores, d.variant) for d in DEVICES]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("name", "memory_bytes", "gigabytes_per_s"),
    [
        ("NVIDIA GeForce RTX 4090", 24 * GIB, 1008),
        ("nvidia geforce  rtx 4060", 8 * GIB, 272),
        ("NVIDIA GeForce RTX 3080", 10 * GIB - 200_000_000, 760),
        ("NVIDIA GeForce RTX 3080", 12 * GIB - 200_000_000, 912),
        ("NVIDIA GeForce RTX 3060 Ti", 8 * GIB, 448),
        ("Apple M2", 16 * GIB, 100),
        ("Apple M3 Max", 64 * GIB, 300),
    ],
)
def test_bandwidth_is_what_the_maker_says_and_the_slowest_where_the_name_leaves_it_open(
    name: str, memory_bytes: int, gigabytes_per_s: float
) -> None:
    """Data sheets: 384 bit x 21 Gb/s = 1008, 128 x 17 = 272, 320 x 19 = 760, 384 x 19 = 912, 256 x 14 = 448 GB/s."""
    found = known_bandwidth(name, memory_bytes)
    assert found is not None
    assert found == pytest.approx(gigabytes_per_s * 1e9, rel=0.01)


def test_unknown_device_has_no_bandwidth() -> None:
    assert known_bandwidth("Voodoo 2", 12_000_000) is None
