"""Recorded descriptions of cores in, how many of each kind out."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from app.hardware.cores import (
    CoreKinds,
    parse_cpu_list,
    parse_perflevels,
    parse_windows_cores,
    read_linux_core_kinds,
)


def test_macs_name_the_fast_level_first() -> None:
    text = "hw.perflevel0.physicalcpu: 8\nhw.perflevel1.physicalcpu: 4\n"
    assert parse_perflevels(text) == CoreKinds(8, 4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sysctl: unknown oid 'hw.perflevel0.physicalcpu'\n",
        "hw.perflevel0.physicalcpu: 8\n",
        "hw.perflevel0: x",
    ],
)
def test_mac_with_one_kind_of_core_has_none_to_tell_apart(text: str) -> None:
    assert parse_perflevels(text) is None


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("0-3,8\n", [0, 1, 2, 3, 8]), ("5\n", [5]), ("", []), ("a-b", []), ("0-99999999999", []), ("3-1", [])],
)
def test_lists_of_processors(text: str, cpus: list[int]) -> None:
    assert parse_cpu_list(text) == cpus


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / "sys/devices" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_intel_cores_of_two_threads_count_once(tmp_path: Path) -> None:
    """An i5-1240P: processors 0 to 7 are four fast cores, 8 to 15 eight frugal ones."""
    files = {"cpu_core/cpus": "0-7\n", "cpu_atom/cpus": "8-15\n"}
    for cpu in range(16):
        files[f"system/cpu/cpu{cpu}/topology/physical_package_id"] = "0\n"
        files[f"system/cpu/cpu{cpu}/topology/core_id"] = f"{cpu // 2 * 4 if cpu < 8 else cpu + 8}\n"
    assert read_linux_core_kinds(write(tmp_path, files)) == CoreKinds(4, 8)


def test_middle_cores_of_arm_count_as_fast(tmp_path: Path) -> None:
    """A phone's chip: one prime, three middle and four little cores."""
    capacities = [250] * 4 + [870] * 3 + [1024]
    files = {f"system/cpu/cpu{cpu}/cpu_capacity": f"{capacity}\n" for cpu, capacity in enumerate(capacities)}
    assert read_linux_core_kinds(write(tmp_path, files)) == CoreKinds(4, 4)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"system/cpu/cpu0/cpu_capacity": "1024\n", "system/cpu/cpu1/cpu_capacity": "1024\n"},
        {"system/cpu/cpu0/cpu_capacity": "nonsense\n"},
        {"cpu_core/cpus": "0-7\n"},
        {"cpu_core/cpus": "0-7\n", "cpu_atom/cpus": "\n"},
    ],
)
def test_linux_that_tells_no_difference(tmp_path: Path, files: dict[str, str]) -> None:
    assert read_linux_core_kinds(write(tmp_path, files)) is None


def windows_core(efficiency: int, size: int = 48, relationship: int = 0) -> bytes:
    return struct.pack("<IIBB", relationship, size, 1, efficiency).ljust(size, b"\0")


def test_windows_gives_fast_cores_the_higher_class() -> None:
    records = b"".join([*[windows_core(1)] * 8, *[windows_core(0)] * 16, windows_core(3, relationship=3)])
    assert parse_windows_cores(records) == CoreKinds(8, 16)


@pytest.mark.parametrize(
    "records", [b"", windows_core(0) * 6, windows_core(0)[:9], windows_core(0, size=48) + bytes(10)]
)
def test_windows_with_one_class_or_cut_records_tells_no_difference(records: bytes) -> None:
    assert parse_windows_cores(records) is None
