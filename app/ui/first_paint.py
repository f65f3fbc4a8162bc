"""What has to wait until a window has been painted for the first time."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget

AT_THE_LATEST_MS = 1_000
"""Where a window opens minimized, nothing is painted."""


def after_first_paint(window: QWidget, do: Callable[[], object]) -> None:
    """Calls `do` once, when what is waiting in the event loop then has been dealt with."""
    _FirstPaint(window, do)


class _FirstPaint(QObject):
    def __init__(self, window: QWidget, do: Callable[[], object]) -> None:
        super().__init__(window)
        self._do: Callable[[], object] | None = do
        self._latest = QTimer(self)
        self._latest.setSingleShot(True)
        self._latest.timeout.connect(self._end)
        self._latest.start(AT_THE_LATEST_MS)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint:
            watched.removeEventFilter(self)
            self._latest.start(0)
        return False

    def _end(self) -> None:
        if (window := self.parent()) is not None:
            window.removeEventFilter(self)
        self.deleteLater()
        # Nothing may refer from here to the window any more: if this were the last to hold it, the window would be
        # destroyed in the middle of this one's own end, and destroy it once more.
        do, self._do = self._do, None
        assert do is not None
        do()
