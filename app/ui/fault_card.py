"""A fault in the place of what it prevented: sentence, what to do next, buttons for it, and the runtime's log."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout

from app.core.errors import EnvironmentFault
from app.ui.folded_log import FoldedLog
from app.ui.parts import Glyph, button, label, plain_tip

Step = tuple[str, str, Callable[[], object]]
"""A button: its text, its glyph or "", and what it does."""


class FaultCard(QFrame):
    """Why there is no (whole) answer."""

    def __init__(
        self, fault: EnvironmentFault, steps: Sequence[Step], folder: Path | None = None, margin_px: int = 16
    ) -> None:
        """The first of `steps` is the one to try first.

        `folder`: where the model lies, for where there is too little room to name it in every sentence.
        """
        super().__init__()
        self.fault = fault
        self.buttons = [button(text, act, glyph=glyph) for text, glyph, act in steps]
        self.setProperty("role", "notice-danger")
        self.setAccessibleName(str(fault))
        message = fault.message.replace(f"{folder}{os.sep}", "") if folder else fault.message
        sentence = _selectable(label(message, "strong", wrap=True))
        sentence.setToolTip(plain_tip(fault.message) if message != fault.message else "")
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(sentence)
        if fault.hint:
            words.addWidget(_selectable(label(fault.hint, wrap=True)))
        words.addSpacing(8)
        words.addLayout(_row(*self.buttons))
        # A row of its own: all in one would be wider than a narrow pane.
        self._log = FoldedLog(fault.log)
        words.addWidget(self._log)
        row = QHBoxLayout(self)
        row.setContentsMargins(margin_px, margin_px, margin_px, margin_px)
        row.setSpacing(12)
        row.addWidget(Glyph("warning-circle", "danger"), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)

    @property
    def log_shown(self) -> bool:
        return self._log.is_open

    def toggle_log(self) -> None:
        self._log.toggle()


def _row(*buttons: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    for each in buttons:
        row.addWidget(each)
    row.addStretch()
    return row


def _selectable(made: QLabel) -> QLabel:
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
    return made
