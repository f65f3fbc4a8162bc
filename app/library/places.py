"""Which folders the library consists of, and whose they are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.gguf.types import QUANTIZATIONS
from app.library.sources import FOLDER, NIBBLE, PROGRAMS, Program, System, this_system
from app.storage import DataFolder

_GUIDE_FILE = re.compile(r"guide-(?P<type>\w+)\.gguf")
_TYPES = frozenset(QUANTIZATIONS.values())


@dataclass(frozen=True)
class Place:
    """A folder (or, of a person, a single file) with models, and the program that keeps them there."""

    program: Program
    folder: Path


def library_places(
    data: DataFolder, model_folders: Iterable[Path | str], system: System | None = None
) -> list[Place]:
    """Nibble's own folders first (they need not exist yet), then those of other programs that are there, then those
    the person added: what lies in two of them counts for the first."""
    others = [
        Place(program, Path(folder))
        for program in PROGRAMS
        for folder in program.places(system or this_system())
        if _is_there(folder)
    ]
    own = [Place(NIBBLE, data.models), Place(NIBBLE, data.guide)]
    return [*own, *others, *folder_places(model_folders)]


def folder_places(folders: Iterable[Path | str]) -> list[Place]:
    return [Place(FOLDER, Path(folder)) for folder in folders]


def owner_of(path: Path, places: Sequence[Place]) -> Program | None:
    """The other program in whose folder a file lies, whichever way it was reached; None for a person's own."""
    reached = {os.path.abspath(path), os.path.join(os.path.realpath(path.parent), path.name)}
    for place in places:
        if place.program.is_own:
            continue
        folders = {
            os.path.join(os.path.abspath(place.folder), ""),
            os.path.join(os.path.realpath(place.folder), ""),
        }
        if any(each.startswith(folder) for each in reached for folder in folders):
            return place.program
    return None


def is_built_in(path: Path, data: DataFolder) -> bool:
    """Whether `path`, as a scan of `library_places` gives it, is a file of the guide, Nibble's own model.

    By its name alone, so that it is quick anywhere: a person's model in the guide's folder is theirs.
    A list marks the guide's files, and says of a damaged one that it is made again (`entry_fault`).
    """
    name = _GUIDE_FILE.fullmatch(path.name)  # first: to make a path's parent takes longest
    return name is not None and name["type"] in _TYPES and path.parent == data.guide


def _is_there(folder: str) -> bool:
    """Also where it may not be read: that must be said."""
    try:
        os.stat(folder)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True
