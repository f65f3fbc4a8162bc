"""A model put into the queue, once it is clear that its names are safe and its bytes can be checked and have room."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.core.errors import DiskFull, HubFault
from app.downloads.content import kind_of
from app.downloads.room import require_room
from app.downloads.store import DownloadState, DownloadStore, WantedFile
from app.downloads.targets import target_of


def enqueue(
    store: DownloadStore,
    repository: str,
    revision: str,
    title: str,
    folder: Path,
    files: Sequence[WantedFile],
) -> int:
    """The id of the download, at the end of the queue; what is in the queue already goes on instead.

    Raises WrongChoice for unsafe names, HubFault for a file without a digest, and DiskFull where the disk has no room
    beside the other downloads: then it is in the queue, but paused.
    """
    for file in files:
        target_of(folder, file.path)
        if kind_of(file.digest) is None:
            raise HubFault(
                f"The server does not tell the digest of {file.path}, so it could not be checked.",
                "If HF_ENDPOINT is set, try without it.",
            )
    id = store.add(repository, revision, title, folder, files)
    queue = store.all()
    try:
        require_room(next(each for each in queue if each.id == id), queue)
    except DiskFull:
        store.set_state(id, DownloadState.PAUSED)
        raise
    return id
