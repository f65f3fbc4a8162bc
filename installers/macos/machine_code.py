"""Which files of a bundle are machine code, for which processors and which macOS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from macholib.mach_o import LC_BUILD_VERSION, LC_VERSION_MIN_MACOSX
from macholib.MachO import MachO

_MAGIC = {
    b"\xcf\xfa\xed\xfe",  # 64 bits
    b"\xca\xfe\xba\xbe",  # for several processors
    b"\xca\xfe\xba\xbf",
}
_MACHINES = {0x01000007: "x86_64", 0x0100000C: "arm64"}


@dataclass(frozen=True)
class MachineCode:
    """`machines`: called as in a Release. `minimum_system`: the oldest macOS it was built for, (0, 0) where it does not
    say."""

    path: Path
    machines: frozenset[str]
    minimum_system: tuple[int, int]


def machine_code_in(folder: Path) -> list[MachineCode]:
    """Of all files below `folder`, without those that are only links; in no particular order."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [code for path in files if _may_be(path) and (code := _read(path)) is not None]


def _may_be(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(8)
    # Java's classes begin as files for several processors do, with a version above 40 where those have their number.
    is_java = start[:4] == b"\xca\xfe\xba\xbe" and int.from_bytes(start[4:], "big") > 40
    return start[:4] in _MAGIC and not is_java


def _read(path: Path) -> MachineCode | None:
    try:
        headers = MachO(str(path)).headers
    except ValueError:  # static libraries for several processors
        return None
    machines = frozenset(_MACHINES.get(header.header.cputype, "another") for header in headers)
    systems = [_minimum(command) for header in headers for command in header.commands]
    return MachineCode(path, machines, max(systems, default=(0, 0)))


def _minimum(command: tuple) -> tuple[int, int]:  # type: ignore[type-arg]  # macholib has no types
    kind, data = command[0].cmd, command[1]
    if kind == LC_BUILD_VERSION:
        packed = int(data.minos)
    elif kind == LC_VERSION_MIN_MACOSX:
        packed = int(data.version)
    else:
        return (0, 0)
    return packed >> 16, packed >> 8 & 0xFF
