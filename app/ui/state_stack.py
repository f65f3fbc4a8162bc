"""A place in which one of several things is shown: a list, or what stands where there is none."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QStackedWidget, QWidget

SHORT_LOOK_MS = 300


class StateStack(QStackedWidget):
    """`patience` runs out when a look takes so long that it needs a word."""

    def __init__(self) -> None:
        super().__init__()
        self.patience = QTimer(self)
        self.patience.setSingleShot(True)
        self.patience.setInterval(SHORT_LOOK_MS)

    def show_state(self, state: QWidget, focused: QWidget | None = None) -> None:
        """`focused` has the keyboard's focus from now on if what was shown before had it; without one, the body
        itself: a hidden widget cannot have it, and it would go to the rail and stay there."""
        if state is self.currentWidget():
            return
        holder = self.window().focusWidget()
        had_focus = holder is None or holder is self or self.isAncestorOf(holder)
        self.setFocusProxy(focused)  # type: ignore[arg-type]  # Qt takes none, its annotation does not
        self.setCurrentWidget(state)
        if had_focus and self.isVisible():
            (focused or self).setFocus()
