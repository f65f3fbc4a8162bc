"""A runtime pack on its way in this window, one at a time, whichever page asked for it and is seen meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl, Progress
from app.ui import jobs
from app.ui.download_words import amount, rate, stage, time_left

if TYPE_CHECKING:  # the engine is imported by the job
    from app.downloads import SpeedLimit
    from app.runtime.packs import PackState
    from app.runtime.packs.offered import OfferedPack


@dataclass(frozen=True)
class Getting:
    """Of the pack called `name`: how far it is, or why it ended otherwise than well."""

    name: str
    progress: Progress | None = None
    fault: EnvironmentFault | None = None

    @property
    def words(self) -> str:
        """`120 MB of 412 MB · 23.4 MB/s · 12 s left`"""
        told = self.progress
        if told is None:
            return _tr("Asking for it…")
        figures = ""
        if told.total:
            figures = amount(int(told.done), int(told.total))
        return " · ".join(
            filter(None, (_stage(told.stage), figures, rate(told.rate_per_s), time_left(told.left_s)))
        )


class PackGetting(QObject):
    """`changed`: one has begun, come further or ended; `arrived` carries the PackState of one that has come."""

    changed = Signal()
    arrived = Signal(object)

    def __init__(
        self, limit: Callable[[], SpeedLimit], runtime_changed: Callable[[], None], parent: QObject
    ) -> None:
        """`limit`: that of all downloads; `runtime_changed` is called in the job."""
        super().__init__(parent)
        self._limit = limit
        self._runtime_changed = runtime_changed
        self._current: Getting | None = None
        self._job: Job[PackState] | None = None

    @property
    def current(self) -> Getting | None:
        """The one on its way, or the last one where it failed."""
        return self._current

    @property
    def is_running(self) -> bool:
        return self._job is not None

    def get(self, pack: OfferedPack) -> None:
        """Nothing while another one is on its way."""
        if self._job is not None:
            return
        limit, runtime_changed = self._limit(), self._runtime_changed

        def work(control: JobControl) -> PackState:
            from app.runtime.packs import runtime_packs
            from app.runtime.packs.getting import get_pack
            from app.runtime.packs.place import pack_place

            state = get_pack(pack, runtime_packs(), pack_place(), control, limit)
            runtime_changed()
            return state

        self._current = Getting(pack.name)
        self._job = jobs.run(
            self,
            f"Get the runtime pack {pack.title}",
            work,
            on_progress=self._hear,
            on_done=self._arrive,
            on_failed=self._fail,
            on_cancelled=self._forget,
            on_end=self._end,
        )
        self.changed.emit()

    def stop(self) -> None:
        """What has arrived stays."""
        if self._job is not None:
            self._job.cancel()

    def _hear(self, progress: Progress) -> None:
        if self._current is not None:
            self._current = Getting(self._current.name, progress)
            self.changed.emit()

    def _arrive(self, state: PackState) -> None:
        self._job = self._current = None
        self.arrived.emit(state)

    def _fail(self, fault: EnvironmentFault) -> None:
        assert self._current is not None
        self._current = Getting(self._current.name, fault=fault)

    def _forget(self) -> None:
        self._current = None

    def _end(self) -> None:
        self._job = None
        if self._current is not None and self._current.fault is None:
            self._current = None  # a bug, of which the window's notice tells
        self.changed.emit()


def _stage(told: str) -> str:
    words = {"Unpacking": _tr("Unpacking"), "Trying it": _tr("Trying it…")}
    return words.get(told) or stage(told)


def _tr(text: str) -> str:
    return QCoreApplication.translate("SettingsPage", text)
