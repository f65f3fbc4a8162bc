"""The index for searching conversations, brought up to date behind the window."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from app.chat import ConversationStore
from app.core.jobs import JobControl
from app.ui import jobs

BEGIN_AFTER_MS = 3_000
_STEP_S, _PAUSE_S = 0.008, 0.02
"""Between two steps somebody who saves has their turn, and the window its share of the processor."""


def index_later(owner: QObject, database: Path) -> None:
    QTimer.singleShot(BEGIN_AFTER_MS, owner, lambda: index(owner, database))


def index(owner: QObject, database: Path) -> None:
    def work(control: JobControl) -> None:
        if not database.exists():
            return
        with ConversationStore(database) as store:
            while store.index_some(_STEP_S):
                control.cancel.raise_if_cancelled()
                time.sleep(_PAUSE_S)

    # Where the disk does not let it, searching finds less; whoever saves is told.
    jobs.run(owner, "Index the conversations", work, on_failed=lambda fault: None)
