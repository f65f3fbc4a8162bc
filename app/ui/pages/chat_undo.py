"""A way back for a while, offered in a notice."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QTimer

from app.ui.notice import Action, Kind, NoticeArea, NoticeBar
from app.ui.pages.chat_deletion import UNDO_MS


class Undo:
    """One offer at a time."""

    def __init__(self, notices: NoticeArea) -> None:
        self._notices = notices
        self._bar: NoticeBar | None = None
        self._number = 0
        self._stays = False

    def offer(self, sentence: str, what: str, undo: Callable[[], object], *, stays: bool = False) -> None:
        """`stays`: also when another conversation is opened."""
        if self._bar is not None:
            self._bar.dismiss()
        words = QCoreApplication.translate("ChatPage", "Undo")
        bar = self._notices.show_message(Kind.INFO, sentence, what, Action(words, undo))
        self._bar, self._stays = bar, stays
        self._number += 1
        number = self._number
        bar.destroyed.connect(lambda: self._gone(number))
        QTimer.singleShot(UNDO_MS, bar, bar.dismiss)

    def forget(self) -> None:
        """Another conversation is opened: what concerns one alone is over."""
        if self._bar is not None and not self._stays:
            self._bar.dismiss()

    def _gone(self, number: int) -> None:
        if self._number == number:
            self._bar = None
