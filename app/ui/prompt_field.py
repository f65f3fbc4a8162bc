"""The field a person writes a prompt in, the same in Chat and Compare."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QPlainTextEdit, QSizePolicy

from app.ui import theme

_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class PromptField(QPlainTextEdit):
    """Enter is `entered`, with Shift a new line; grows with its text up to `most_lines`. Takes text only."""

    entered = Signal()

    def __init__(self, most_lines: int) -> None:
        super().__init__()
        self._most_lines = most_lines
        self.setProperty("role", "bare")
        self.setTabChangesFocus(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        self.setFont(theme.font("prose"))
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() not in _ENTER:
            super().keyPressEvent(event)
        elif event.modifiers() & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier):
            # A plain new line: Qt's own, for Shift, is a line separator, an odd letter to a model.
            self.textCursor().insertBlock()
            self.ensureCursorVisible()
        else:
            self.entered.emit()

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        # Files dropped here are for the library: the window takes them.
        return source.hasText() and not source.hasUrls()

    def insertFromMimeData(self, source: QMimeData) -> None:
        self.insertPlainText(source.text())

    def sizeHint(self) -> QSize:
        return QSize(240, self.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.StyleChange and self.font() != theme.font("prose"):
            self.setFont(theme.font("prose"))
            self._fit()

    def _fit(self) -> None:
        lines = max(round(self.document().size().height()), 1)  # this layout counts in lines
        policy = Qt.ScrollBarPolicy
        more = lines > self._most_lines
        self.setVerticalScrollBarPolicy(policy.ScrollBarAsNeeded if more else policy.ScrollBarAlwaysOff)
        self.setFixedHeight(self.fontMetrics().lineSpacing() * min(lines, self._most_lines) + 2)
