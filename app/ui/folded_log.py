"""The runtime's last lines, folded away until somebody asks for them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.ui.parts import button, icon_button

LINES_SHOWN = 8


class FoldedLog(QWidget):
    """Hidden where there are no lines. `before`: buttons that stand in a row with its own."""

    def __init__(self, lines: Sequence[str], before: Sequence[QPushButton] = ()) -> None:
        super().__init__()
        self._lines = tuple(lines)
        self._log = QPlainTextEdit("\n".join(lines))
        self._log.setReadOnly(True)
        self._log.setProperty("role", "log")
        self._log.setAccessibleName(_tr("The runtime's log"))
        self._log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._log.setFixedHeight(self._log.fontMetrics().lineSpacing() * LINES_SHOWN + 16)
        self._toggle = button(
            _tr("Show log"), self.toggle, role="ghost", tip=_tr("The last lines the runtime wrote")
        )
        self._copy = icon_button("copy", _tr("Copy log"), self._copy_lines)
        row = QHBoxLayout()
        row.setSpacing(8)
        for each in (*before, self._toggle, self._copy):
            row.addWidget(each)
        row.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self._log)
        self._log.hide()
        self._copy.hide()
        self._toggle.setVisible(bool(lines))
        if not lines and not before:
            self.hide()

    @property
    def is_open(self) -> bool:
        return not self._log.isHidden()

    @property
    def lines(self) -> tuple[str, ...]:
        return self._lines

    def toggle(self) -> None:
        is_open = not self.is_open
        self._log.setVisible(is_open)
        self._copy.setVisible(is_open)
        self._toggle.setText(_tr("Hide log") if is_open else _tr("Show log"))
        bar = self._log.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _copy_lines(self) -> None:
        QGuiApplication.clipboard().setText("\n".join(self._lines))


def _tr(text: str) -> str:
    return QCoreApplication.translate("FaultCard", text)
