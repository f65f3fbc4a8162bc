"""How large text is: the steps there are, the ways to go from one to the next, and the choice in the settings."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtGui import QWheelEvent, QWindow
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.ui.actions import add_action
from app.ui.parts import icon_button, label
from app.ui.preferences import Preferences

STEPS = (70, 80, 90, 100, 110, 125, 150, 175, 200)
"""Percent of the usual size."""
NOTCH = 120
"""Of a mouse's wheel, in eighths of a degree, as Qt counts."""


def within_steps(percent: int) -> int:
    """What is in a file of settings, if it can be used."""
    return min(max(percent, STEPS[0]), STEPS[-1])


def next_step(percent: int, direction: int) -> int | None:
    """The next larger (1) or smaller (-1) size; None where there is none."""
    if direction > 0:
        return next((step for step in STEPS if step > percent), None)
    return next((step for step in reversed(STEPS) if step < percent), None)


class Zoom(QObject):
    """Changes the size by keys and by the wheel with Ctrl anywhere in the window; `preferences` keep it."""

    def __init__(self, window: QWidget, preferences: Preferences) -> None:
        super().__init__(window)
        self._window = window
        self._preferences = preferences
        self._turned = 0
        add_action(window, "larger", lambda: self.step(1), lambda: self.percent < STEPS[-1])
        add_action(window, "smaller", lambda: self.step(-1), lambda: self.percent > STEPS[0])
        add_action(window, "usual-size", lambda: preferences.set_zoom(100), lambda: self.percent != 100)
        # Not the application: each of its events would go through Python. A window's handle only gets what the system
        # sends, and before any widget.
        window.installEventFilter(self)

    @property
    def percent(self) -> int:
        return within_steps(self._preferences.settings.zoom_percent)

    def step(self, direction: int) -> None:
        percent = next_step(self.percent, direction)
        if percent is not None:
            self._preferences.set_zoom(percent)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # The kind first: events come also while the window is being destroyed, and then it must not be asked anything.
        if event.type() is QEvent.Type.Show and watched is self._window:
            handle = self._window.windowHandle()
            if handle is not None:
                handle.removeEventFilter(self)  # that of an earlier showing
                handle.installEventFilter(self)
        elif isinstance(event, QWheelEvent) and isinstance(watched, QWindow):
            return bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier) and self._turn(event)
        return False

    def _turn(self, event: QWheelEvent) -> bool:
        # Fine wheels and touch pads send a notch in many parts.
        self._turned += event.angleDelta().y()
        while abs(self._turned) >= NOTCH:
            direction = 1 if self._turned > 0 else -1
            self._turned -= direction * NOTCH
            self.step(direction)
        return True


class ZoomChoice(QWidget):
    """A row for the settings: smaller, the size, larger."""

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self._preferences = preferences
        self.smaller = icon_button("minus", _tr("Smaller text"), lambda: self._step(-1))
        self.larger = icon_button("plus", _tr("Larger text"), lambda: self._step(1))
        self.words = label("")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for part in (self.smaller, self.words, self.larger):
            row.addWidget(part)
        row.addStretch()
        preferences.changed.connect(self._show)
        self._show()

    def _step(self, direction: int) -> None:
        percent = next_step(self._preferences.settings.zoom_percent, direction)
        if percent is not None:
            self._preferences.set_zoom(percent)

    def _show(self) -> None:
        percent = within_steps(self._preferences.settings.zoom_percent)
        self.words.setText(_tr("{percent} %").format(percent=percent))
        self.smaller.setEnabled(next_step(percent, -1) is not None)
        self.larger.setEnabled(next_step(percent, 1) is not None)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Zoom", text)
