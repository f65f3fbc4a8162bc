"""What ELF files say of themselves: which libraries they need, where they look for them, of which versions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from installers.commands import run

_MAGIC = b"\x7fELF"
_AT_ONCE = 200


@dataclass(frozen=True)
class Elf:
    """`needed`: names of libraries. `run_path`: where it looks for them before the system's folders, as it is written,
    with `$ORIGIN`. `versions`: what it wants of them, as in "GLIBC_2.34"."""

    path: Path
    needed: tuple[str, ...]
    run_path: str
    versions: tuple[str, ...]


def elf_files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and _begins_as_elf(path)
    ]


def read_elf(paths: Iterable[Path]) -> list[Elf]:
    """By objdump. Raises BuildFault for what is none."""
    all_paths = list(paths)
    told: list[Elf] = []
    for start in range(0, len(all_paths), _AT_ONCE):
        some = all_paths[start : start + _AT_ONCE]
        parts = re.split(r"^(?=\S.*:\s+file format )", run(["objdump", "-p", *some]), flags=re.MULTILINE)
        told += [_elf(path, part) for path, part in zip(some, parts[1:], strict=True)]
    return told


def newest_version(files: Iterable[Elf], name: str) -> tuple[int, ...]:
    """The newest version of `name` (as "GLIBC") that any of them wants; empty where none wants any."""
    pattern = re.compile(rf"{name}_(\d+(?:\.\d+)*)")
    found = [match for file in files for each in file.versions if (match := pattern.fullmatch(each))]
    return max((tuple(map(int, match[1].split("."))) for match in found), default=())


def _elf(path: Path, said: str) -> Elf:
    run_path = re.search(r"^\s+(?:RPATH|RUNPATH)\s+(\S+)", said, re.MULTILINE)
    return Elf(
        path,
        tuple(re.findall(r"^\s+NEEDED\s+(\S+)", said, re.MULTILINE)),
        run_path[1] if run_path else "",
        tuple(re.findall(r"^\s+0x[0-9a-f]+ 0x[0-9a-f]+ \d+ (\S+)$", said, re.MULTILINE)),
    )


def _begins_as_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == _MAGIC
