"""Microsoft's C++ runtime, which the person's computer may lack.

Python, Qt and llama.cpp are compiled with Visual C++ and need its libraries. A per-user installer cannot install them
for the whole system, so they come along in the program's own folder, as their licence allows: they are those that
PySide6's wheel brings, which is at least as new as anything else here.
"""

from __future__ import annotations

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pefile

from installers.faults import BuildFault

INTERNAL = "_internal"
"""PyInstaller's folder of all that is not the executable; its boot loader has libraries looked for there."""

_RUNTIME = re.compile(r"(msvcp|vcruntime|vcomp|vcamp|concrt)\d+\w*\.dll")


def bring_runtime_libraries(program: Path, source: Path | None = None) -> list[Path]:
    """Copies into `program` those that something in it needs and neither has beside it nor finds in `_internal`; until
    nothing is missing, for they need each other. `source`: where they are taken from. Raises BuildFault."""
    source = source or _pyside_folder()
    brought: list[Path] = []
    while missing := _missing(program):
        for name, user in sorted(missing.items()):
            original = source / name
            if not original.is_file():
                raise BuildFault(f"{user.name} needs {name}, which {source.name} does not have.")
            brought.append(Path(shutil.copy2(original, program / INTERNAL / name)))
    return brought


def _missing(program: Path) -> dict[str, Path]:
    """Names of runtime libraries, each with a file that needs it."""
    files = [path for path in program.rglob("*") if path.suffix.lower() in (".exe", ".com", ".dll", ".pyd")]
    places = {(path.parent, path.name.lower()) for path in files}
    missing = {}
    for path in files:
        for name in imported_libraries(path):
            found = (path.parent, name) in places or (program / INTERNAL, name) in places
            if _RUNTIME.fullmatch(name) and not found:
                missing[name] = path
    return missing


def imported_libraries(path: Path) -> set[str]:
    """The libraries that a file of machine code names, in lower case. Raises BuildFault where it is none."""
    try:
        # Of its content: to close a file, pefile has all of Python's objects looked through.
        file = pefile.PE(data=path.read_bytes(), fast_load=True)
        names = ("IMAGE_DIRECTORY_ENTRY_IMPORT", "IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT")
        file.parse_data_directories([pefile.DIRECTORY_ENTRY[name] for name in names])
    except pefile.PEFormatError as error:
        raise BuildFault(f"{path.name} is no machine code of Windows: {error}.") from error
    entries = [
        *getattr(file, "DIRECTORY_ENTRY_IMPORT", []),
        *getattr(file, "DIRECTORY_ENTRY_DELAY_IMPORT", []),
    ]
    return {entry.dll.decode("ascii", "replace").lower() for entry in entries}


def _pyside_folder() -> Path:
    found = find_spec("PySide6")
    if found is None or found.origin is None:
        raise BuildFault("PySide6 is not installed.")
    return Path(found.origin).parent
