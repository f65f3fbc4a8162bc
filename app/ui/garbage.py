"""Python's cycle collector, kept to the GUI thread.

Left alone it runs on whichever thread allocates next, a job's for instance, and may there destroy a Qt object
that was part of a cycle. Qt objects must be destroyed on the thread they live on.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

EVERY_MS = 1000


class GarbageCollector(QObject):
    """Collects once a second what the thresholds ask for, instead of Python by itself."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.timeout.connect(collect)
        self._timer.start(EVERY_MS)


def collect() -> None:
    """Collects the oldest generation that is due; call on the GUI thread only."""
    due = [
        generation
        for generation, (count, threshold) in enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True))
        if threshold and count > threshold
    ]
    if due:
        gc.collect(max(due))
