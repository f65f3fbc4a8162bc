"""Deletes models: to the system's bin, all parts together, and none of another program's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import EnvironmentFault, FileGone, NotAllowed, WrongChoice, from_os_error
from app.library.entry import EntryState, LibraryEntry
from app.library.places import Place, owner_of
from app.library.records import forget
from app.library.stamp import part_files


class NoBin(EnvironmentFault):
    """The system has no bin for this file: only deleting it for good is left."""


@dataclass(frozen=True)
class Removal:
    """What deleting an entry would do. No `files` for one that is gone already and is only taken off the list."""

    entry: LibraryEntry
    files: tuple[Path, ...]
    file_bytes: int


def plan_removal(entry: LibraryEntry, places: Sequence[Place]) -> Removal:
    """Raises WrongChoice for a file of another program, and for a folder, also one that is away."""
    if entry.state is EntryState.GONE:
        return Removal(entry, (), 0)
    owner = owner_of(entry.path, places)
    if owner is None and not entry.program.is_own:
        owner = entry.program
    if owner is not None:
        raise WrongChoice(
            f"{entry.name} belongs to {owner.title}, and Nibble deletes nothing of other programs.",
            f"Delete it in {owner.title}.",
        )
    if entry.state is EntryState.AWAY or entry.path.is_dir():
        raise WrongChoice(
            f"{entry.path} is a folder, not a model.",
            "Take it off the list of the library's folders instead.",
        )
    # A link is deleted and not what it leads to.
    files = tuple(Path(file) for file in part_files(str(entry.path)) if os.path.lexists(file))
    return Removal(entry, files, sum(map(_size, files)))


def remove(removal: Removal, database: Path, *, for_good: bool = False) -> None:
    """Moves the files to the system's bin, or deletes them `for_good`, and forgets what was known of them.

    Raises NoBin (and then nothing has happened to that file and those behind it), FileGone and NotAllowed.
    """
    for file in removal.files:
        if for_good:
            _delete(file)
        else:
            _to_bin(file)
    forget(database, (removal.entry.path, *removal.files))


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:  # it went while we looked
        return 0


def _to_bin(file: Path) -> None:
    from send2trash import TrashPermissionError, send2trash  # it loads the desktop's own libraries

    if not os.path.lexists(file):
        raise FileGone(f"{file} is not there any more.", "Refresh the library.")
    try:
        send2trash(str(file))
    except TrashPermissionError as error:
        raise _no_bin(file) from error
    except (OSError, ValueError) as error:  # the second for a name that is no text
        if not os.access(file.parent, os.W_OK):
            raise NotAllowed(
                f"Nibble is not allowed to delete {file}.", "Change the permissions of its folder."
            ) from error
        raise _no_bin(file) from error


def _delete(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)  # a part may be in the bin already
    except OSError as error:
        raise from_os_error(error, file, writing=True) from error


def _no_bin(file: Path) -> NoBin:
    return NoBin(f"There is no bin for {file}.", "Delete it for good, or move it away yourself.")
