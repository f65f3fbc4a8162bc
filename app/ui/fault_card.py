"""A fault in the place of what it prevented: sentence, what to do next, buttons for it, and the runtime's log."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
)

from app.core.errors import EnvironmentFault
from app.ui.parts import Glyph, button, icon_button, label, plain_tip

LOG_LINES_SHOWN = 8

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
        self._make_log()
        if fault.log:
            # A row of their own: all in one would be wider than a narrow pane.
            words.addLayout(_row(self._toggle, self._copy))
            words.addWidget(self._log)
        row = QHBoxLayout(self)
        row.setContentsMargins(margin_px, margin_px, margin_px, margin_px)
        row.setSpacing(12)
        row.addWidget(Glyph("warning-circle", "danger"), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)

    @property
    def log_shown(self) -> bool:
        return not self._log.isHidden()

    def toggle_log(self) -> None:
        shown = not self.log_shown
        self._log.setVisible(shown)
        self._copy.setVisible(shown)
        self._toggle.setText(_tr("Hide log") if shown else _tr("Show log"))
        bar = self._log.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _make_log(self) -> None:
        self._log = QPlainTextEdit("\n".join(self.fault.log), self)
        self._log.setReadOnly(True)
        self._log.setProperty("role", "log")
        self._log.setAccessibleName(_tr("The runtime's log"))
        self._log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._log.setFixedHeight(self._log.fontMetrics().lineSpacing() * LOG_LINES_SHOWN + 16)
        self._toggle = button(
            _tr("Show log"), self.toggle_log, role="ghost", tip=_tr("The last lines the runtime wrote")
        )
        self._copy = icon_button("copy", _tr("Copy log"), self._copy_log)
        for each in (self._log, self._toggle, self._copy):
            each.setParent(self)
        self._log.hide()
        self._copy.hide()
        self._toggle.setVisible(bool(self.fault.log))

    def _copy_log(self) -> None:
        QGuiApplication.clipboard().setText("\n".join(self.fault.log))


def _row(*buttons: QPushButton | QToolButton) -> QHBoxLayout:
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


def _tr(text: str) -> str:
    return QCoreApplication.translate("FaultCard", text)
