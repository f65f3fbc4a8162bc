"""Telling a person who is not looking at the window: by the system, where it has a place for that."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

SHOWN_MS = 10_000


class Notifier(QObject):
    """For one window, which a click on a message brings to the front."""

    def __init__(self, window: QWidget, clicked: Callable[[], object]) -> None:
        super().__init__(window)
        self._window = window
        self._clicked = clicked
        self._tray: QSystemTrayIcon | None = None
        self._going = QTimer(self)
        self._going.setSingleShot(True)
        self._going.setInterval(SHOWN_MS)
        self._going.timeout.connect(self._hide)

    def tell(self, title: str, text: str) -> None:
        """Nothing happens while the window is in front."""
        if self._window.isActiveWindow():
            return
        QApplication.alert(self._window)
        if not (QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages()):
            return
        if self._tray is None:
            self._tray = QSystemTrayIcon(QApplication.windowIcon(), self)
            self._tray.messageClicked.connect(self._bring_to_front)
            self._tray.activated.connect(self._bring_to_front)
        # Messages come from an icon, which stays no longer than they do: with its window open Nibble needs none.
        self._tray.show()
        self._tray.showMessage(title, text, QApplication.windowIcon(), SHOWN_MS)
        self._going.start()

    def _bring_to_front(self) -> None:
        if self._window.isMinimized():
            self._window.showNormal()
        self._window.raise_()
        self._window.activateWindow()
        self._clicked()
        self._hide()

    def _hide(self) -> None:
        if self._tray is not None:
            self._tray.hide()
