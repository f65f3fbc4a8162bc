"""The queue of downloads as the window sees it, and what a person wishes of it. For jobs: it is in the database."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.ui.make_order import MakeOrder

if TYPE_CHECKING:  # the engine comes with the first look at the queue
    from app.downloads import Download, DownloadProgress, DownloadStore

    Wish = Callable[[DownloadStore], object]


@dataclass(frozen=True)
class QueueEntry:
    """A download as it is shown. `quantization`: as its first file's name has it. `is_unmade`: a checkpoint that is
    here, with no model made of it. `progress`: of one that runs here. `to_make`: what is to be made of it once it
    is here."""

    download: Download
    quantization: str | None
    is_unmade: bool
    progress: DownloadProgress | None = None
    to_make: tuple[MakeOrder, ...] = ()

    @property
    def id(self) -> int:
        return self.download.id

    @property
    def state(self) -> str:
        """A value of `app.downloads.DownloadState`."""
        return self.download.state

    @property
    def received_bytes(self) -> int:
        return self.progress.received_bytes if self.progress else self.download.received_bytes

    @property
    def remaining_bytes(self) -> int:
        return max(self.download.size - self.received_bytes, 0)

    @property
    def is_checkpoint(self) -> bool:
        """Not to be loaded, but to make models of."""
        return self.download.files[0].path == "config.json"

    @property
    def path(self) -> Path:
        """The file to load, or the checkpoint's folder."""
        if self.is_checkpoint:
            return self.download.folder
        return self.download.folder.joinpath(*Path(self.download.files[0].path).parts)


def fulfil(database: Path, wishes: Sequence[Wish]) -> tuple[QueueEntry, ...]:
    """For a job. Where there is no database nothing waits, and none need be made."""
    if not wishes and not database.exists():
        return ()
    from app.downloads import DownloadStore, forget

    with closing(DownloadStore(database)) as store:
        for wish in wishes:
            wish(store)
        for each in store.all():
            if each.state == "cancelled" and not each.is_running:  # whoever ran it was killed
                forget(store, each)
        return tuple(_entry(each) for each in store.all() if each.files)


def _entry(download: Download) -> QueueEntry:
    entry = QueueEntry(download, _quantization(download), is_unmade=False)
    if entry.is_checkpoint and entry.state == "done":
        return replace(entry, is_unmade=_is_unmade(download.folder))
    return entry


def _is_unmade(checkpoint: Path) -> bool:
    try:
        names = os.listdir(checkpoint)
    except OSError:
        return False
    return "config.json" in names and not any(name.endswith(".gguf") for name in names)


def _quantization(download: Download) -> str | None:
    from app.hub.file_names import read_file_name

    return read_file_name(download.files[0].path).quantization


def pause(store: DownloadStore, id: int) -> None:
    from app.downloads import DownloadState

    if store.state(id) is DownloadState.WAITING:
        store.set_state(id, DownloadState.PAUSED)


def resume(store: DownloadStore, id: int) -> None:
    from app.downloads import DownloadState

    if store.state(id) in (DownloadState.PAUSED, DownloadState.FAILED, DownloadState.WAITING):
        store.set_state(id, DownloadState.WAITING)


def pause_all(store: DownloadStore) -> None:
    for each in store.all():
        pause(store, each.id)


def resume_all(store: DownloadStore) -> None:
    for each in store.all():
        if each.state == "paused":
            resume(store, each.id)


def cancel(store: DownloadStore, id: int) -> None:
    from app.downloads import DownloadState

    if store.state(id) is not DownloadState.DONE:
        store.set_state(id, DownloadState.CANCELLED)  # removed by whoever runs it, or else by the look


def take_off(store: DownloadStore, ids: Collection[int]) -> None:
    """Of what is done; its files stay."""
    from app.downloads import DownloadState

    for id in ids:
        if store.state(id) is DownloadState.DONE:
            store.remove(id)


def move(store: DownloadStore, id: int, step: int) -> None:
    order = [each.id for each in store.all() if each.state not in ("done", "cancelled")]
    if id not in order:
        return
    place = order.index(id) + step
    order.remove(id)
    if 0 <= place < len(order):
        store.move(id, order[place])
    elif place >= len(order):
        store.move(id, None)


def stamp_of(database: Path) -> object:
    """Changes when somebody writes to the database."""
    stamps: list[tuple[int, int] | None] = []
    for path in (database, database.with_name(f"{database.name}-wal")):
        try:
            told = path.stat()
        except OSError:
            stamps.append(None)
        else:  # an empty log comes and goes with those who only read
            stamps.append((told.st_size, told.st_mtime_ns) if told.st_size else None)
    return stamps
