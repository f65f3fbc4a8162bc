"""Where a person writes: a field that grows with the text, and the button that sends or stops."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.ui import icons
from app.ui.parts import ElidedLabel, button, with_keys
from app.ui.prompt_field import PromptField

MOST_LINES = 8


class Composer(QWidget):
    """`send_asked` carries the text, which stays in the field until `clear`: what fails must not lose it."""

    send_asked = Signal(str)
    stop_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._busy = False
        self._stopping = False
        self._why_not = ""
        self.field = PromptField(MOST_LINES)
        self.field.setAccessibleName(self.tr("Message"))
        self.field.setPlaceholderText(self.tr("Write a message"))
        self.field.entered.connect(self.send)
        self.field.textChanged.connect(self._settle)
        self.send_button = button(
            self.tr("Send"),
            self.send,
            role="primary",
            glyph="paper-plane-right",
            tip=with_keys(self.tr("Send the message"), QKeySequence("Return")),
        )
        self.stop_button = button(
            self.tr("Stop"),
            self.stop,
            glyph="stop",
            tip=with_keys(self.tr("Stop; what has arrived stays"), QKeySequence("Esc")),
        )
        self._hint = ElidedLabel("", "caption")
        self._lay_out()
        self._settle()

    def _lay_out(self) -> None:
        self._frame = QFrame()
        self._frame.setProperty("role", "composer")
        self.field.installEventFilter(self)
        below = QHBoxLayout()
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(8)
        below.addWidget(self._hint, 1)
        below.addWidget(self.stop_button)
        below.addWidget(self.send_button)
        inside = QVBoxLayout(self._frame)
        inside.setContentsMargins(16, 12, 8, 8)
        inside.setSpacing(4)
        inside.addWidget(self.field)
        inside.addLayout(below)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._frame)

    @property
    def text(self) -> str:
        return self.field.toPlainText()

    def set_text(self, text: str) -> None:
        self.field.setPlainText(text)
        self.field.moveCursor(self.field.textCursor().MoveOperation.End)

    def clear(self) -> None:
        self.field.clear()

    def set_state(self, busy: bool, why_not: str = "") -> None:
        """`busy`: Stop instead of Send. `why_not`: why nothing can be sent now; empty: it can."""
        # A button that goes takes the focus along, to wherever.
        had_focus = self.send_button.hasFocus() or self.stop_button.hasFocus()
        self._busy, self._why_not = busy, why_not
        self._stopping = self._stopping and busy
        self._settle()
        if had_focus:
            self.field.setFocus()

    def send(self) -> None:
        if self.send_button.isEnabled() and not self._busy:
            self.send_asked.emit(self.text)

    def stop(self) -> None:
        """Asks for the end of what is going on, where something is."""
        if self._busy:
            self._stopping = True
            self._settle()
        self.stop_asked.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self._frame.setProperty("lit", "yes" if event.type() is QEvent.Type.FocusIn else "")
            self._frame.style().polish(self._frame)
        return super().eventFilter(watched, event)

    def _settle(self) -> None:
        self.send_button.setVisible(not self._busy)
        self.stop_button.setVisible(self._busy)
        sendable = bool(self.text.strip()) and not self._why_not
        self.send_button.setEnabled(sendable)
        self.send_button.setIcon(icons.icon("paper-plane-right", "on_accent" if sendable else "muted"))
        self.stop_button.setEnabled(not self._stopping)
        if self._stopping:
            keys = self.tr("Stopping…")
        elif self._busy:
            keys = self.tr("Esc stops; what has arrived stays")
        else:
            keys = self.tr("Enter sends, Shift+Enter starts a new line")
        self._hint.setText(self._why_not or keys)
