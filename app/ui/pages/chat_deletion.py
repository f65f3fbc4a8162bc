"""Deleting conversations with a way back: gone from the list at once, from the disk when the notice is."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal

from app.ui.notice import Action, Kind, NoticeArea, NoticeBar

UNDO_MS = 12_000


class Deletions(QObject):
    """`delete` is called with the id of each conversation whose time to be taken back has passed."""

    changed = Signal()

    def __init__(self, notices: NoticeArea, delete: Callable[[int], None]) -> None:
        super().__init__()
        self._notices = notices
        self._delete = delete
        self._bars: dict[int, NoticeBar] = {}

    @property
    def pending(self) -> frozenset[int]:
        """Conversations that are to be shown no more."""
        return frozenset(self._bars)

    def ask(self, identity: int, title: str) -> None:
        """Marks a conversation as deleted and offers to take that back."""
        # One way back at a time: a second notice of the same kind would not say which is which.
        self.finish()
        bar = self._notices.show_message(
            Kind.INFO,
            _tr("Conversation deleted"),
            title,
            Action(_tr("Undo"), lambda: self._undo(identity)),
        )
        self._bars[identity] = bar
        bar.destroyed.connect(lambda: self._carry_out(identity))
        QTimer.singleShot(UNDO_MS, bar, bar.dismiss)
        self.changed.emit()

    def finish(self) -> None:
        """Carries out what is pending now, e.g. because the page is left."""
        for identity, bar in list(self._bars.items()):
            self._carry_out(identity)
            bar.dismiss()

    def _undo(self, identity: int) -> None:
        self._bars.pop(identity, None)
        self.changed.emit()

    def _carry_out(self, identity: int) -> None:
        if self._bars.pop(identity, None) is not None:
            self._delete(identity)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
