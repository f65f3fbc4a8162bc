"""Latest: one question at a time, of which only the last one asked is answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from PySide6.QtCore import QCoreApplication, QObject

from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl
from app.ui import jobs

T = TypeVar("T")


class Latest:
    """Whoever asks anew cancels what was asked before and hears nothing of it any more.

    Of a bug in the work the window's notice tells; here it fails like any other question, so that no busy state stays.
    """

    def __init__(self, owner: QObject) -> None:
        self._owner = owner
        self._question: object = None
        self._job: Job[Any] | None = None

    @property
    def is_asking(self) -> bool:
        return self._question is not None

    def ask(
        self,
        name: str,
        work: Callable[[JobControl], T],
        on_done: Callable[[T], object],
        on_failed: Callable[[EnvironmentFault], object],
    ) -> None:
        self.drop()
        question = self._question = object()

        def finally_(handler: Callable[..., object]) -> Callable[..., None]:
            def answer(*arguments: object) -> None:
                if self._question is question:
                    self._question = self._job = None
                    handler(*arguments)

            return answer

        self._job = jobs.run(
            self._owner,
            name,
            work,
            on_done=finally_(on_done),
            on_failed=finally_(on_failed),
            on_cancelled=finally_(lambda: None),
            on_end=finally_(lambda: on_failed(_unexplained())),
        )

    def drop(self) -> None:
        job, self._job, self._question = self._job, None, None
        if job is not None:
            job.cancel()


def _unexplained() -> EnvironmentFault:
    return EnvironmentFault(
        QCoreApplication.translate("Latest", "That did not work."),
        QCoreApplication.translate("Latest", "Try again."),
    )
