"""One download on its way: its files one after the other, watched for what a person changes meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from app.core.errors import Cancelled, DataFolderFault, DiskFull, EnvironmentFault, NoConnection
from app.core.jobs import CancelToken, JobControl
from app.downloads.awake import kept_awake
from app.downloads.fetch import CHECKING, fetch_file
from app.downloads.location import Location
from app.downloads.rate import MovingRate
from app.downloads.room import require_room
from app.downloads.speed_limit import SpeedLimit
from app.downloads.store import Download, DownloadFile, DownloadState, DownloadStore
from app.downloads.targets import target_of
from app.downloads.unfinished import unfinished_of

LOOK_S = 0.5
"""How soon it is seen what another process, or the person, has changed."""
_TELL_S = 0.1

Locate = Callable[[str, str, str, CancelToken], Location]
"""Of a repository, a commit and a path in it: where the file is now."""


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """Emitted several times a second. `stage`: "Downloading", "Checking", or "Waiting: " and for what. `bytes_per_s` is
    None until it can be told, and where nothing is to come."""

    id: int
    stage: str
    received_bytes: int
    size: int
    bytes_per_s: float | None

    @property
    def left_s(self) -> float | None:
        return (self.size - self.received_bytes) / self.bytes_per_s if self.bytes_per_s else None


@dataclass(frozen=True, slots=True)
class QueueChanged:
    """Emitted when a download has begun or ended, however; the store tells more."""

    id: int


def run_claimed(
    store: DownloadStore, entry: Download, locate: Locate, limit: SpeedLimit, control: JobControl
) -> None:
    """Fetches the files that `entry` lacks, and leaves in the store what became of it.

    Returns when it is done, paused or cancelled there. Raises NoConnection, after which it still waits for its turn,
    any other fault, after which it has failed, and Cancelled when `control` is.
    """
    control.emit(QueueChanged(entry.id))
    try:
        require_room(entry, store.all())
        with ExitStack() as held:
            watch = _Watch(store, entry, control, held)
            for index, file in enumerate(entry.files):
                if not _is_here(entry, file):
                    _fetch(entry, file, locate, limit, watch.of_file(index))
                    store.set_received(entry.id, file.path, file.size, is_done=True)
                    watch.tell_of_whole(index)
        store.set_state(entry.id, DownloadState.DONE)
    except Cancelled:
        if store.state(entry.id) is DownloadState.CANCELLED:
            forget(store, entry)
        control.cancel.raise_if_cancelled()
    except EnvironmentFault as fault:
        waits = isinstance(fault, NoConnection)
        store.set_fault(entry.id, fault, DownloadState.WAITING if waits else DownloadState.FAILED)
        raise
    finally:
        store.release(entry.id)
        control.emit(QueueChanged(entry.id))


def tell_of_other_process(entry: Download, control: JobControl) -> None:
    """How far it has come, as the process that runs it has last written down."""
    control.emit(DownloadProgress(entry.id, "Downloading", entry.received_bytes, entry.size, None))


def forget(store: DownloadStore, entry: Download) -> None:
    """Takes it out of the queue, with what has arrived of files that are not whole; whole ones stay."""
    for file in entry.files:
        unfinished_of(target_of(entry.folder, file.path), file.content).remove()
    store.remove(entry.id)


def _is_here(entry: Download, file: DownloadFile) -> bool:
    """It was checked when it came; somebody may have removed it since."""
    try:
        return file.is_done and target_of(entry.folder, file.path).stat().st_size == file.size
    except OSError:
        return False


def _fetch(entry: Download, file: DownloadFile, locate: Locate, limit: SpeedLimit, watch: _FileWatch) -> None:
    fetch_file(
        lambda: locate(entry.repository, entry.revision, file.path, watch.cancel),
        file.content,
        target_of(entry.folder, file.path),
        watch.cancel,
        watch.tell,
        limit,
    )


class _Watch:
    """Turns the progress of single files into that of the download; stops it when its state has changed, or when the
    disk has no room for it any more. What it keeps awake is let go with `held`."""

    def __init__(self, store: DownloadStore, entry: Download, control: JobControl, held: ExitStack) -> None:
        self.control = control
        self._held = held
        self._keeps_awake = False
        self._store = store
        self._entry = entry
        self._received = [
            file.received_bytes if _is_here(entry, file) or not file.is_done else 0 for file in entry.files
        ]
        self._rate = MovingRate()
        self._looked_at = time.monotonic()
        self._told_at = 0.0
        self._told_stage = ""

    def of_file(self, index: int) -> _FileWatch:
        return _FileWatch(self, index)

    def tell(self, index: int, stage: str, received: int, cancel: CancelToken) -> None:
        """Raises DiskFull."""
        self._received[index] = received
        now = time.monotonic()
        if stage != self._told_stage or now - self._told_at >= _TELL_S:
            self._told_stage, self._told_at = stage, now
            self._emit(stage)
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            self._keep_awake()
            self._look(index, cancel)

    def tell_of_whole(self, index: int) -> None:
        self._received[index] = self._entry.files[index].size
        self._emit(CHECKING)

    def _emit(self, stage: str) -> None:
        received = sum(self._received)
        rate = self._rate.bytes_per_s(received)
        told = None if stage == CHECKING else rate
        self.control.emit(DownloadProgress(self._entry.id, stage, received, self._entry.size, told))

    def _keep_awake(self) -> None:
        """Not from the start: to ask the system for it takes as long as a small download."""
        if not self._keeps_awake:
            self._keeps_awake = True
            self._held.enter_context(kept_awake())

    def _look(self, index: int, cancel: CancelToken) -> None:
        queue = self._store.all()
        entry = next((each for each in queue if each.id == self._entry.id), None)
        if entry is None or entry.state is not DownloadState.WAITING:
            cancel.cancel()
            return
        require_room(entry, queue)
        with suppress(DataFolderFault, DiskFull):  # only a note: the data folder may be on another disk
            self._store.set_received(entry.id, entry.files[index].path, self._received[index])


class _FileWatch:
    """Of one file. `cancel` is set when the job is cancelled, and when the download's state has changed."""

    def __init__(self, watch: _Watch, index: int) -> None:
        self.cancel = CancelToken()
        self._watch = watch
        self._index = index
        watch.control.cancel.on_cancel(self.cancel.cancel)

    def tell(self, stage: str, received: int) -> None:
        self._watch.tell(self._index, stage, received, self.cancel)
