"""Whether a disk has room for what is still to come."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from app.core.errors import DiskFull, from_os_error
from app.core.units import format_bytes
from app.downloads.store import Download, DownloadState
from app.downloads.targets import target_of
from app.downloads.unfinished import unfinished_of


def require_room(entry: Download, queue: Iterable[Download]) -> None:
    """For what `entry` lacks, and those that wait in front of it in the queue. Raises DiskFull, or the fault behind a
    disk that cannot be asked."""
    try:
        folder = _existing(entry.folder)
        in_front = [each for each in _in_front(entry, queue) if _is_on_same_disk(each, folder)]
        needed = _missing_bytes(entry)
        free = shutil.disk_usage(folder).free - sum(map(_missing_bytes, in_front))
    except OSError as error:
        raise from_os_error(error, entry.folder, writing=True) from error
    if free < needed:
        others = f" beside the {len(in_front)} before it in the queue" if in_front else ""
        raise DiskFull(
            f"{format_bytes(needed)} of {entry.title} are still to come{others};"
            f" the disk of {folder} has {format_bytes(max(free, 0))} for them.",
            "Free some space, then let it go on from where it stopped.",
        )


def _in_front(entry: Download, queue: Iterable[Download]) -> Iterable[Download]:
    for each in queue:
        if each.id == entry.id:
            return
        if each.state is DownloadState.WAITING:
            yield each


def _is_on_same_disk(download: Download, folder: Path) -> bool:
    return _existing(download.folder).stat().st_dev == folder.stat().st_dev


def _missing_bytes(download: Download) -> int:
    missing = 0
    for file in download.files:
        target = target_of(download.folder, file.path)
        if not target.exists():
            held = unfinished_of(target, file.content).held_bytes()
            missing += max(file.size - held, 0)
    return missing


def _existing(folder: Path) -> Path:
    """The folder, or that in which it will be made."""
    return next((each for each in folder.parents if each.exists()), folder) if not folder.exists() else folder
