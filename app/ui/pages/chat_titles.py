"""Has new conversations titled by the model that answers them, while it has nothing else to do."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.chat import MessageState
from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl
from app.ui import jobs
from app.ui.pages.chat_answering import Answering, Outcome
from app.ui.services import Services

AFTER_MS = 500
"""Who goes on at once is not disturbed."""
MOST_ANSWERS = 3
"""A conversation that has had so many without a title keeps its first words."""


class Titles(QObject):
    """`given`: the conversation of that number is called otherwise now. Whatever the model is wanted for goes first."""

    given = Signal(int)

    def __init__(self, services: Services, answering: Answering) -> None:
        super().__init__(answering)
        self._services = services
        self._answering = answering
        self._conversation: int | None = None
        self._job: Job[str | None] | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(AFTER_MS)
        self._soon.timeout.connect(self._ask)
        answering.ended.connect(self._consider)
        answering.changed.connect(self._give_way)

    def _consider(self, conversation: int, outcome: Outcome) -> None:
        message = outcome.message
        if message is not None and message.state is MessageState.COMPLETE and message.text.strip():
            self._conversation = conversation
            self._soon.start()

    def _give_way(self) -> None:
        if self._answering.conversation is None and self._answering.loading is None:
            return
        self._soon.stop()
        if self._job is not None:
            self._job.cancel()

    def _ask(self) -> None:
        conversation, engine = self._conversation, self._services.chat_engine
        if conversation is None or self._job is not None or not self._is_wanted(conversation):
            return

        def work(control: JobControl) -> str | None:
            return engine.give_title(conversation, control.cancel)

        self._job = jobs.run(
            self,
            "Title a conversation",
            work,
            on_done=lambda title: self.given.emit(conversation) if title else None,
            on_end=self._ended,
        )

    def _ended(self) -> None:
        self._job = None

    def _is_wanted(self, conversation: int) -> bool:
        if not self._services.preferences.settings.titles_by_model:
            return False
        with suppress(EnvironmentFault, KeyError):
            store = self._services.conversations
            wants = store.wants_title(conversation, MOST_ANSWERS)
            return wants and not self._is_toy(store.conversation(conversation).model_path)
        return False

    def _is_toy(self, path: Path) -> bool:
        """The built-in model has nothing to say about conversations."""
        return self._services.is_built_in(path)
