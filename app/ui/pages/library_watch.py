"""When the folders of the library have changed, so that they must be looked at again."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from app.core.errors import DamagedGguf, NotGguf
from app.ui.pages.library_rows import Row

SETTLE_MS = 400
GROWS_MS = 2000
GROWS_AT_MOST_S = 60.0
"""A file that was written to this short a time ago may still be on its way here."""
MOST_PARTS = 256
"""A file may claim by its name to be one of 99,999 parts."""


class FolderWatch(QObject):
    """`changed`: a file came or went, or one that was incomplete may have grown."""

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._watcher = QFileSystemWatcher(self)
        self._settling = self._timer(SETTLE_MS)
        # The system tells of files that come and go, not of those that grow.
        self._growing = self._timer(GROWS_MS)
        self._watcher.directoryChanged.connect(lambda: self._settling.start())

    def watch(self, sources: Sequence[Path], rows: Sequence[Row]) -> None:
        """From now on these folders, and those in them that lead to `rows`."""
        self._growing.stop()
        present = {folder for folder in _folders_to(rows, sources) if os.path.isdir(folder)}
        watched = set(self._watcher.directories())
        if watched - present:
            self._watcher.removePaths(list(watched - present))
        if present - watched:
            self._watcher.addPaths(list(present - watched))

    def await_growth(self, rows: Sequence[Row]) -> None:
        """Tells `changed` after a while if one of these may become whole. Once: ask again after the look."""
        if any(_may_grow(row) for row in rows):
            self._growing.start()

    def _timer(self, interval_ms: int) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(interval_ms)
        timer.timeout.connect(self.changed)
        return timer


def _folders_to(rows: Sequence[Row], sources: Sequence[Path]) -> set[str]:
    """`sources` and what lies between them and the rows; as text, since thousands of rows are looked at."""
    wanted = {str(source) for source in sources}
    within = tuple(os.path.join(source, "") for source in wanted)
    # Faster than a path's parent by far, and as good: a file at the very top needs no folder beside `sources`.
    for folder in {str(row.path).rpartition(os.sep)[0] for row in rows}:
        while folder.startswith(within) and folder not in wanted:
            wanted.add(folder)
            folder = os.path.dirname(folder)
    return wanted


def _may_grow(row: Row) -> bool:
    if not isinstance(row.fault, DamagedGguf | NotGguf):
        return False
    from app.gguf.split import split_name

    split = split_name(row.path.name)
    numbers = range(1, min(split.count, MOST_PARTS) + 1) if split else ()
    files = [row.path, *(row.path.with_name(split.part(number)) for number in numbers if split)]
    return any(time.time() - _written_at(file) < GROWS_AT_MOST_S for file in files)


def _written_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
