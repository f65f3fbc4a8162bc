"""The frozen program for Linux, completed: smaller, finding its libraries itself, with the licences of the system's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from installers.commands import require, run
from installers.faults import BuildFault
from installers.linux.elf import Elf, elf_files, read_elf
from installers.linux.libraries import BROUGHT_ALONG, OF_THE_DESKTOP, owner

_TO_STRIP = ("libpython3*.so*", "python3*/lib-dynload/*.so", "yaml/*.so")
"""Python's own, which have symbols for debuggers in them; wheels are stripped, or must not be (numpy's)."""


def require_tools() -> None:
    """Raises BuildFault."""
    require("dpkg-query", "objdump", "patchelf", "strip")


def complete(program: Path) -> None:
    """Raises BuildFault where a library is needed that neither goes along nor is one that desktops have."""
    internal = program / "_internal"
    for pattern in _TO_STRIP:
        for library in internal.glob(pattern):
            run(["strip", "--strip-unneeded", library])
    files = read_elf(elf_files(program))
    _lead_to_own_libraries(
        [file for file in files if not _is_of_a_pack(file.path.relative_to(program))], internal
    )
    _require_all_libraries(files, program)
    _add_licences(internal)


def _lead_to_own_libraries(files: Iterable[Elf], internal: Path) -> None:
    """Each finds what lies in `_internal` by itself. What leads into the folders of whoever built it goes."""
    for file in files:
        kept = [place for place in file.run_path.split(":") if place.startswith("$ORIGIN")]
        own = {path.name for path in internal.iterdir()}
        if own & set(file.needed) and file.path.parent != internal.parent:
            way = os.path.relpath(internal, file.path.parent)
            kept.append("$ORIGIN" if way == "." else f"$ORIGIN/{way}")
        wanted = ":".join(dict.fromkeys(kept))
        if wanted != file.run_path:
            run(["patchelf", *(["--set-rpath", wanted] if wanted else ["--remove-rpath"]), file.path])


def _is_of_a_pack(place: Path) -> bool:
    """Runtime packs stay as they were built, to the byte: their manifests say so."""
    return place.parts[0] == "packs" or place.parts[1:3] == ("llama_cpp", "lib")


def _require_all_libraries(files: Iterable[Elf], program: Path) -> None:
    there = {path.name for path in program.rglob("*.so*")}
    lacking = {
        f"{name} (of {file.path.name})"
        for file in files
        for name in file.needed
        if name not in there and name not in OF_THE_DESKTOP
    }
    if lacking:
        raise BuildFault(f"Libraries are needed that no desktop surely has: {', '.join(sorted(lacking))}.")


def _add_licences(internal: Path) -> None:
    folder = internal / "resources" / "licences" / "system"
    for name in BROUGHT_ALONG:
        if (internal / name).exists():
            package, copyright_file = owner(name)
            (folder / package).mkdir(parents=True, exist_ok=True)
            try:
                shutil.copy(copyright_file, folder / package / "copyright")
            except OSError as error:
                raise BuildFault(f"{copyright_file} cannot be read: {error.strerror}.") from error
