"""A damaged database, as the window tells it: recovered at the start, or noticed later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, QTimer

from app.core.jobs import JobControl
from app.storage.damage import is_sound, needs_recovery, note_damage
from app.ui import jobs
from app.ui.notice import Kind, NoticeArea

if TYPE_CHECKING:
    from app.chat.recovered import Recovered

LOOK_AFTER_MS = 5_000
"""When the window has long been usable: 50,000 messages take about half a second of one core."""


def _tr(text: str) -> str:
    return QCoreApplication.translate("recovery", text)


def recover(database: Path, dress: Callable[[], object] = lambda: None) -> Recovered | None:
    """Before anything opens the database; None where it is not damaged, as far as can be seen at once. Shows how far it
    is, in a window of its own, before which `dress` is called. Raises as `recover_conversations`, and Cancelled where
    the person stopped it."""
    if not needs_recovery(database):
        return None
    from app.ui.recovery_window import recover_showing

    dress()
    return recover_showing(database)


def tell(notices: NoticeArea, recovered: Recovered) -> None:
    if recovered.kept is None:
        sentence = _tr("Nibble's database was an empty file: it starts anew, without conversations.")
        notices.show_message(Kind.WARNING, sentence)
        return
    sentence = _tr(
        "Nibble's database was damaged, and what could be read was recovered"
        " (conversations: {conversations}, messages: {messages})."
    )
    hint = _tr("The damaged file is kept: {path}")
    notices.show_message(
        Kind.WARNING,
        sentence.format(conversations=f"{recovered.conversations:,}", messages=f"{recovered.messages:,}"),
        hint.format(path=recovered.kept),
    )


def look_later(owner: QObject, notices: NoticeArea, database: Path) -> None:
    QTimer.singleShot(LOOK_AFTER_MS, owner, lambda: look(owner, notices, database))


def look(owner: QObject, notices: NoticeArea, database: Path) -> None:
    """At all of the database; damage that is found is told, and recovered from at the next start."""

    def work(control: JobControl) -> bool:
        from app.chat.checksums import are_all_alike

        if not database.exists() or (is_sound(database) and are_all_alike(database)):
            return True
        note_damage(database)
        return False

    def show(sound: bool) -> None:
        if not sound:
            notices.show_message(
                Kind.WARNING,
                _tr("Nibble's database is damaged."),
                _tr(
                    "Close Nibble and start it again: what can be read will be recovered, and the damaged file kept."
                ),
            )

    jobs.run(owner, "Look at the database", work, on_done=show)
