"""How far a recovery is, told at intervals: there are millions of pages and rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from app.core.jobs import CancelToken, JobControl

T = TypeVar("T")

UNHEARD = JobControl(CancelToken(), lambda event: None)
_EVERY = 200


class Steps:
    """Counts up to `total`. Whoever takes a step may be stopped there, by Cancelled."""

    def __init__(self, control: JobControl, stage: str, total: int, unit: str) -> None:
        self._control = control
        self._stage, self._total, self._unit = stage, total, unit
        self._done = 0
        control.progress(stage, 0, total, unit)

    def one(self) -> None:
        self._done += 1
        if self._done % _EVERY == 0:
            self._control.cancel.raise_if_cancelled()
            self._control.progress(self._stage, min(self._done, self._total), self._total, self._unit)

    def over(self, things: Iterable[T]) -> Iterator[T]:
        for thing in things:
            self.one()
            yield thing
