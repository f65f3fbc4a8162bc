"""The queue at work: one download after the other, until told to stop."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from pathlib import Path

from app.core.errors import EnvironmentFault, NoConnection
from app.core.jobs import JobControl
from app.downloads.running import LOOK_S, Locate, forget, run_claimed, tell_of_other_process
from app.downloads.speed_limit import SpeedLimit
from app.downloads.store import Download, DownloadState, DownloadStore

_NETWORK_AGAIN_S = 15.0


class DownloadQueue:
    """Several processes may each have one: a download is run by one of them.

    `run` and `run_one` belong into jobs, and emit QueueChanged and DownloadProgress. What a person does to the
    queue goes to the store, in any process; `look` makes this one see it at once.
    """

    def __init__(self, database: Path, locate: Locate, limit: SpeedLimit) -> None:
        self._database = database
        self._locate = locate
        self._limit = limit
        self._changed = threading.Event()
        self._not_before: dict[int, float] = {}

    def look(self) -> None:
        self._not_before.clear()
        self._changed.set()

    def run(self, control: JobControl) -> None:
        """Until nothing waits any more. What a download fails with is left in the store, and the next one begins."""
        with closing(DownloadStore(self._database)) as store:
            while waiting := self._waiting(store):
                control.cancel.raise_if_cancelled()
                # From the start each time: the person may have put another one first.
                if not any(self._ran(store, entry, control) for entry in waiting):
                    self._changed.wait(LOOK_S)
                    self._changed.clear()

    def run_one(self, id: int, control: JobControl) -> None:
        """That one alone, whatever stands before it; where another process runs it, until that has ended.

        Returns when it waits no more, or is gone. Raises its fault, and Cancelled.
        """
        with closing(DownloadStore(self._database)) as store:
            while (entry := store.find(id)) is not None and entry.state is DownloadState.WAITING:
                control.cancel.raise_if_cancelled()
                claimed = store.claim(id)
                if claimed is not None:
                    run_claimed(store, claimed, self._locate, self._limit, control)
                else:
                    tell_of_other_process(entry, control)
                    self._changed.wait(LOOK_S)
            if entry is not None and entry.state is DownloadState.FAILED:
                raise EnvironmentFault(entry.fault, entry.hint)

    def _waiting(self, store: DownloadStore) -> list[Download]:
        queue = store.all()
        for entry in queue:
            if entry.state is DownloadState.CANCELLED and not entry.is_running:  # whoever ran it was killed
                forget(store, entry)
        return [entry for entry in queue if entry.state is DownloadState.WAITING]

    def _ran(self, store: DownloadStore, entry: Download, control: JobControl) -> bool:
        if time.monotonic() < self._not_before.get(entry.id, 0.0):
            return False
        claimed = store.claim(entry.id)
        if claimed is None:
            return False
        try:
            run_claimed(store, claimed, self._locate, self._limit, control)
        except NoConnection:
            self._not_before[entry.id] = time.monotonic() + _NETWORK_AGAIN_S
        except EnvironmentFault:
            pass  # told in the store; the others need not wait for it
        return True
