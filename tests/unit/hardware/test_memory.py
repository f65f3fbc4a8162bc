"""Limits of control groups, from recorded files laid out as the kernel does."""

import pytest

from app.hardware.machine import Memory
from app.hardware.memory import (
    Limit,
    parse_cgroup_paths,
    parse_limit,
    read_cgroup_limits,
    read_memory,
    within_limits,
)

GB = 10**9
HOST = Memory(total_bytes=32 * GB, available_bytes=20 * GB)
V1_UNLIMITED = 9223372036854771712


def test_no_limit_leaves_the_hosts_memory():
    assert within_limits(HOST, []) == HOST
    assert within_limits(HOST, [Limit(V1_UNLIMITED, 5 * GB)]) == HOST


def test_a_limit_bounds_total_and_available():
    assert within_limits(HOST, [Limit(8 * GB, 3 * GB)]) == Memory(8 * GB, 5 * GB)


def test_the_tightest_of_nested_limits_counts():
    assert within_limits(HOST, [Limit(8 * GB, 1 * GB), Limit(12 * GB, 11 * GB)]) == Memory(8 * GB, 1 * GB)


def test_a_group_above_its_limit_has_nothing_available():
    assert within_limits(HOST, [Limit(8 * GB, 9 * GB)]).available_bytes == 0


def test_a_large_limit_does_not_make_more_available_than_the_host_has():
    assert within_limits(HOST, [Limit(31 * GB, 0)]) == Memory(31 * GB, 20 * GB)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("0::/user.slice/session-2.scope\n", ("/user.slice/session-2.scope", None)),
        ("9:name=systemd:/\n4:memory:/docker/abc\n0::/\n", ("/", "/docker/abc")),
        ("5:cpuacct,memory:/box\n", (None, "/box")),
        ("", (None, None)),
    ],
)
def test_cgroup_paths_of_recorded_text(text, paths):
    assert parse_cgroup_paths(text) == paths


@pytest.mark.parametrize(
    ("limit", "used", "stat", "expected"),
    [
        ("max\n", "100\n", "", None),
        ("1000\n", "400\n", "anon 100\ninactive_file 300\n", Limit(1000, 100)),
        ("1000\n", "400\n", "", Limit(1000, 400)),
        ("1000\n", "400\n", "inactive_file 900\n", Limit(1000, 0)),
        ("garbage", "400", "", None),
    ],
)
def test_limit_of_recorded_texts(limit, used, stat, expected):
    assert parse_limit(limit, used, stat, "inactive_file") == expected


def test_v2_limits_are_found_on_the_way_up(tmp_path):
    write(tmp_path, "proc/self/cgroup", "0::/app.slice/nibble.scope\n")
    group = "sys/fs/cgroup/app.slice"
    write(tmp_path, f"{group}/memory.max", "4000\n")
    write(tmp_path, f"{group}/memory.current", "1000\n")
    write(tmp_path, f"{group}/nibble.scope/memory.max", "max\n")
    write(tmp_path, f"{group}/nibble.scope/memory.current", "10\n")
    assert read_cgroup_limits(tmp_path) == [Limit(4000, 1000)]


def test_v1_limit_of_a_container_is_found_at_the_mounts_root(tmp_path):
    write(tmp_path, "proc/self/cgroup", "4:memory:/docker/abc\n0::/docker/abc\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.limit_in_bytes", "5000\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.usage_in_bytes", "2000\n")
    write(tmp_path, "sys/fs/cgroup/memory/memory.stat", "total_inactive_file 500\n")
    assert read_cgroup_limits(tmp_path) == [Limit(5000, 1500)]


def test_a_system_without_cgroups_has_no_limits(tmp_path):
    assert read_cgroup_limits(tmp_path) == []


def test_this_computers_memory_is_read():
    memory = read_memory()
    assert 0 < memory.available_bytes <= memory.total_bytes


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
