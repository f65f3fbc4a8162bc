"""Looks at plain folders, as the library does at those a person added."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from app.core.jobs import CancelToken
from app.library import LibraryEntry, find_model, folder_places, scan
from app.storage import data_folder


def scan_folders(
    folders: Sequence[Path],
    cancel: CancelToken | None = None,
    on_entry: Callable[[LibraryEntry], None] | None = None,
) -> list[LibraryEntry]:
    return scan(folder_places(folders), data_folder().database, cancel, on_entry)


def find_in(reference: str, folders: Sequence[Path]) -> LibraryEntry:
    return find_model(reference, folder_places(folders), data_folder().database)
