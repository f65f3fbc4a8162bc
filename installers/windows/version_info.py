"""The version resource of the executables: what the Explorer shows under Properties, Details."""

from __future__ import annotations

import re
import time

from installers.faults import BuildFault
from installers.release import Release

_ENGLISH_US, _UNICODE = 0x0409, 1200


def version_numbers(version: str) -> tuple[int, int, int, int]:
    """As Windows has them, four of 16 bits; what follows the numbers ("1.0.0rc1") is left out. Raises BuildFault."""
    found = re.match(r"\d+(\.\d+){0,3}", version)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    if not numbers or max(numbers) > 0xFFFF:
        raise BuildFault(f'"{version}" is no version that Windows can tell.')
    first, second, third, fourth = [*numbers, 0, 0, 0][:4]
    return first, second, third, fourth


def version_resource(release: Release, file_name: str) -> str:
    """PyInstaller's text for the executable `file_name` (the file that its `EXE(version=…)` takes)."""
    numbers = version_numbers(release.version)
    strings = {
        "CompanyName": release.publisher,
        # The Explorer shows it as the program's name in "Open with", the Task Manager among what runs.
        "FileDescription": release.name,
        "FileVersion": release.version,
        "InternalName": release.command,
        "LegalCopyright": (
            f"Copyright {time.gmtime(release.made_at).tm_year} {release.publisher}. {release.licence}."
        ),
        "OriginalFilename": file_name,
        "ProductName": release.name,
        "ProductVersion": release.version,
    }
    table = ",\n        ".join(f"StringStruct({name!r}, {text!r})" for name, text in strings.items())
    return f"""VSVersionInfo(
  ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3f, flags=0x0, OS=0x40004, fileType=0x1, subtype=0x0,
    date=(0, 0)),
  kids=[
    StringFileInfo([
      StringTable('{_ENGLISH_US:04x}{_UNICODE:04x}', [
        {table}])]),
    VarFileInfo([VarStruct('Translation', [{_ENGLISH_US}, {_UNICODE}])])
  ])
"""
