"""Main memory, and the limit a container or a systemd unit puts on it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil

from app.hardware.machine import Memory


@dataclass(frozen=True)
class Limit:
    """A cgroup's memory limit and use; `used_bytes` leaves out file cache that is dropped on demand."""

    limit_bytes: int
    used_bytes: int


def read_memory() -> Memory:
    """Memory as it is now; takes well under a millisecond, so it may be read every second."""
    host = psutil.virtual_memory()
    limits = read_cgroup_limits(Path("/")) if sys.platform.startswith("linux") else []
    return within_limits(Memory(host.total, host.available, is_unified()), limits)


def is_unified() -> bool:
    """True on Apple silicon, where the GPU works in main memory."""
    return sys.platform == "darwin" and platform.machine() == "arm64"


def within_limits(host: Memory, limits: list[Limit]) -> Memory:
    """What of the host's memory a process under `limits` can have."""
    total, available = host.total_bytes, host.available_bytes
    for limit in limits:
        # A limit above the host's memory (cgroup v1 has a huge number for "none") limits nothing.
        if limit.limit_bytes < host.total_bytes:
            total = min(total, limit.limit_bytes)
            available = min(available, max(limit.limit_bytes - limit.used_bytes, 0))
    return Memory(total, available, host.unified)


def read_cgroup_limits(root: Path) -> list[Limit]:
    """The limits on this process from its cgroup and all above it; v2 and v1.

    `root` is where `/` is. What cannot be read limits nothing.
    """
    try:
        text = (root / "proc/self/cgroup").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    v2_path, v1_path = parse_cgroup_paths(text)
    mount = root / "sys/fs/cgroup"
    limits: list[Limit | None] = []
    if v2_path is not None:
        for folder in _upwards(mount, v2_path):
            limits.append(_read_limit(folder, "memory.max", "memory.current", "inactive_file"))
    if v1_path is not None:
        for folder in _upwards(mount / "memory", v1_path):
            limits.append(
                _read_limit(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            )
    return [limit for limit in limits if limit is not None]


def parse_cgroup_paths(text: str) -> tuple[str | None, str | None]:
    """The process's paths in the v2 hierarchy and in v1's memory controller, from /proc/self/cgroup."""
    v2_path = v1_path = None
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and controllers == "":
            v2_path = path
        elif "memory" in controllers.split(","):
            v1_path = path
    return v2_path, v1_path


def parse_limit(limit: str, used: str, stat: str, reclaimable: str) -> Limit | None:
    """A limit from the texts of a cgroup's files; None where there is none ("max") or it is no number."""
    try:
        limit_bytes, used_bytes = int(limit), int(used)
    except ValueError:
        return None
    for line in stat.splitlines():
        key, _, value = line.partition(" ")
        if key == reclaimable and value.isdigit():
            used_bytes = max(used_bytes - int(value), 0)
    return Limit(limit_bytes, used_bytes)


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    # In a container without a cgroup namespace the path is the host's and does not exist under the mount,
    # which then shows the container's own group at its root: the loop ends there either way.
    folder = PurePosixPath("/") / path.lstrip("/")
    while folder != folder.parent:
        yield mount / folder.relative_to("/")
        folder = folder.parent
    yield mount


def _read_limit(folder: Path, limit: str, used: str, reclaimable: str) -> Limit | None:
    try:
        return parse_limit(
            (folder / limit).read_text(), (folder / used).read_text(), _read_stat(folder), reclaimable
        )
    except OSError:
        return None


def _read_stat(folder: Path) -> str:
    try:
        return (folder / "memory.stat").read_text()
    except OSError:
        return ""
