"""Models that nobody has asked for a while are unloaded, when their time is up and not by looking again and again."""

from __future__ import annotations

from math import ceil
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.jobs import JobControl
from app.ui import jobs

_LEAST_MS = 250
_MOST_MS = 60 * 60 * 1000
"""A timer counts no further than some weeks, and a computer that slept may have lost count."""


class Holder(Protocol):
    """Has models loaded; as `ChatEngine` and `Comparison`."""

    @property
    def idle_left_s(self) -> float | None: ...

    def unload_idle(self) -> bool: ...


class IdleWatch(QObject):
    """`look` whenever something has begun, ended or been chosen; `unloaded` once models have left."""

    unloaded = Signal()

    def __init__(self, owner: QObject) -> None:
        super().__init__(owner)
        self._holder: Holder | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.unload)

    def look(self, holder: Holder | None) -> None:
        self._holder = holder
        left_s = holder.idle_left_s if holder is not None else None
        if left_s is None:
            self._timer.stop()
        else:
            self._timer.start(min(max(ceil(left_s * 1000), _LEAST_MS), _MOST_MS))

    def unload(self) -> None:
        """As when the time is up; nothing where it is not."""
        holder = self._holder
        if holder is None:
            return

        def work(control: JobControl) -> bool:
            return holder.unload_idle()

        jobs.run(self, "Unload idle models", work, on_done=self._unloaded)

    def _unloaded(self, is_gone: bool) -> None:
        if is_gone:
            self.unloaded.emit()
        else:
            self.look(self._holder)
