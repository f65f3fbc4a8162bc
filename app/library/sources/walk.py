"""Walks through folders that anybody may have filled: links in circles, denied folders, far too many files."""

from __future__ import annotations

import os
from collections.abc import Iterator

from app.core.errors import EnvironmentFault, FileGone, UnreadableFile, from_os_error
from app.core.jobs import CancelToken
from app.gguf.split import split_name
from app.library.sources.found import FoundModel

MOST_FOLDERS = 20_000
MOST_CHILDREN = 200_000
"""Of one folder. Nobody has that many models; a link may lead to somewhere that has."""


class Walk:
    """One look at the library; no folder is walked twice by `models`."""

    def __init__(self, cancel: CancelToken) -> None:
        self._cancel = cancel
        self._seen: set[tuple[int, int]] = set()

    def models(self, top: str, origin: str = "") -> Iterator[FoundModel]:
        """The model files below `top`, by name, and a fault for each folder that cannot be read.

        Of a split model comes the first part there is. Hidden files and folders are left out, and links to folders
        in which `top` itself lies are not followed.
        """
        pending = [top]
        for _ in range(MOST_FOLDERS):
            if not pending:
                return
            folder = pending.pop()
            try:
                folders, files = self._children(folder, top) if self._is_new(folder) else ([], [])
            except OSError as error:
                yield unreadable(folder, error)
                continue
            last = None
            for file, path in files:
                # "00002" sorts behind "00001": the first that comes of a model is the first there is.
                split = split_name(file)
                model = (split.prefix.casefold(), split.count) if split else None
                if model is None or model != last:
                    yield FoundModel(path, split.prefix if split else file[:-5], origin=origin)
                last = model
            pending += reversed(folders)
        if pending:
            yield too_many(top)

    def listing(self, top: str) -> tuple[list[str], list[str]]:
        """The names of the folders and of the files in `top`, none where there is no `top`. Raises OSError."""
        folders: list[str] = []
        files: list[str] = []
        try:
            with os.scandir(top) as listing:
                for number, child in enumerate(listing):
                    self._check(number)
                    if child.name[0] != ".":
                        (folders if _is_folder(child) else files).append(child.name)
        except (FileNotFoundError, NotADirectoryError):
            return [], []
        folders.sort()
        files.sort()
        return folders, files

    def _children(self, folder: str, top: str) -> tuple[list[str], list[tuple[str, str]]]:
        """The paths of the folders, and names and paths of the model files, sorted."""
        folders, files = [], []
        with os.scandir(folder) as listing:
            for number, child in enumerate(listing):
                self._check(number)
                name = child.name
                if name[0] == ".":
                    continue
                if _is_folder(child):
                    if not (child.is_symlink() and _contains(child.path, top)):
                        folders.append(child.path)
                elif name[-5:].lower() == ".gguf":
                    files.append((name, child.path))
        folders.sort()
        files.sort()
        return folders, files

    def _check(self, number: int) -> None:
        self._cancel.raise_if_cancelled()
        if number >= MOST_CHILDREN:
            raise OSError(0, f"it holds more than {MOST_CHILDREN:,} files")

    def _is_new(self, folder: str) -> bool:
        # By number and not by path: links may lead to a folder in endlessly many ways.
        status = os.stat(folder)
        identity = (status.st_dev, status.st_ino)
        if identity in self._seen:
            return False
        self._seen.add(identity)
        return True


def model_name(file: str) -> str:
    """`Bard-00001-of-00002.gguf` -> `Bard`, `bard-q4.gguf` -> `bard-q4`."""
    split = split_name(file)
    if split is not None:
        return split.prefix
    return file[:-5] if file[-5:].lower() == ".gguf" and len(file) > 5 else file


def unreadable(folder: str, error: OSError) -> FoundModel:
    fault = from_os_error(error, folder)
    if isinstance(fault, FileGone):
        fault = FileGone(
            f"{folder} cannot be found.", "Connect the disk it is on, or remove it from the library."
        )
    return found_fault(folder, os.path.basename(folder) or folder, fault)


def found_fault(path: str, name: str, fault: EnvironmentFault) -> FoundModel:
    return FoundModel(path, name, fault=fault)


def too_many(top: str) -> FoundModel:
    return found_fault(
        top,
        os.path.basename(top) or top,
        UnreadableFile(
            f"{top} holds more than {MOST_FOLDERS:,} folders, and only the first are listed.",
            "Add the folder that holds the models instead.",
        ),
    )


def _is_folder(child: os.DirEntry[str]) -> bool:
    try:
        return child.is_dir()
    except OSError:  # a link that leads round in a circle, or away from what we may see
        return False


def _contains(link: str, top: str) -> bool:
    target = os.path.realpath(link)
    return os.path.realpath(top).startswith(os.path.join(target, ""))
