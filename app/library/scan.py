"""Finds the model files in folders, and reads what they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from app.core.errors import EnvironmentFault, from_os_error
from app.core.jobs import CancelToken
from app.gguf.split import split_name
from app.library.entry import LibraryEntry, read_entry, unreadable


def scan(
    folders: Sequence[Path],
    cancel: CancelToken | None = None,
    on_entry: Callable[[LibraryEntry], None] | None = None,
) -> list[LibraryEntry]:
    """All models in `folders` and the folders in them, by name; a file among `folders` counts too.

    A split model is one entry. What cannot be read is an entry with a fault; nothing else is
    raised but Cancelled. Hidden files and folders are left out. `on_entry` is told of each entry
    as it is found.
    """
    entries = []
    for found in model_files(folders, cancel):
        entry = read_entry(found) if isinstance(found, Path) else found
        entries.append(entry)
        if on_entry is not None:
            on_entry(entry)
    return sorted(entries, key=lambda entry: (entry.name.casefold(), str(entry.path)))


def model_files(folders: Sequence[Path], cancel: CancelToken | None = None) -> Iterator[Path | LibraryEntry]:
    """One path for each model, and an entry with its fault for each folder that cannot be read.

    Nothing is opened, so this is quick. A file that is reached twice (folders inside one another,
    links) comes once.
    """
    walk = _Walk(cancel or CancelToken())
    for folder in folders:
        if os.path.isfile(folder):
            yield from walk.files([folder])
        else:
            yield from walk.folder(folder)


class _Walk:
    """One walk through some folders; remembers where it was."""

    def __init__(self, cancel: CancelToken) -> None:
        self._cancel = cancel
        self._folders_seen: set[tuple[int, int]] = set()
        self._files_seen: set[str] = set()

    def folder(self, top: Path) -> Iterator[Path | LibraryEntry]:
        pending = [top]
        while pending:
            folder = pending.pop()
            try:
                children = self._children(folder) if self._is_new(folder) else []
            except OSError as error:
                yield unreadable(folder, _folder_fault(error, folder))
                continue
            yield from self.files([child for child, is_folder in children if not is_folder])
            pending += [child for child, is_folder in reversed(children) if is_folder]

    def files(self, files: list[Path]) -> Iterator[Path]:
        """`files` without those seen before, and of a split model only the first part there is."""
        for file in sorted(files):
            self._cancel.raise_if_cancelled()
            split = split_name(file.name)
            # A split model is known by its first part, whether that is there or not.
            identity = os.path.realpath(file.with_name(split.part(1)) if split else file)
            if identity not in self._files_seen:
                self._files_seen.add(identity)
                yield file

    def _is_new(self, folder: Path) -> bool:
        # By number and not by path: links may lead to a folder in endlessly many ways.
        status = os.stat(folder)
        identity = (status.st_dev, status.st_ino)
        if identity in self._folders_seen:
            return False
        self._folders_seen.add(identity)
        return True

    def _children(self, folder: Path) -> list[tuple[Path, bool]]:
        """Folders (True) and model files (False) in `folder`, sorted."""
        children = []
        with os.scandir(folder) as listing:
            for child in listing:
                self._cancel.raise_if_cancelled()
                if child.name.startswith("."):
                    continue
                is_folder = _is_folder(child)
                if is_folder or child.name.lower().endswith(".gguf"):
                    children.append((folder / child.name, is_folder))
        return sorted(children)


def _is_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError:  # a link that leads round in a circle, or away from what we may see
        return False


def _folder_fault(error: OSError, folder: Path) -> EnvironmentFault:
    fault = from_os_error(error, folder)
    hint = "Choose the folder again or remove it from the library."
    return type(fault)(fault.message, hint) if isinstance(error, FileNotFoundError) else fault
