"""The field of Chat's composer: files that are pasted, and text too long to be read in it, become attachments."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QKeyEvent

from app.ui.prompt_field import PromptField

LONG_CHARACTERS = 8000
LONG_LINES = 120


class MessageField(PromptField):
    files_pasted = Signal(list)
    """Paths."""
    long_text_pasted = Signal(str)
    left_above = Signal()
    """Up was pressed, and there is nothing above: the field is empty."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        is_up = event.key() == Qt.Key.Key_Up and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if is_up and self.document().isEmpty():
            self.left_above.emit()
        else:
            super().keyPressEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        return bool(local_files(source)) or super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        files = local_files(source)
        text = "" if files else source.text()
        if files:
            self.files_pasted.emit(files)
        elif is_long(text):
            self.long_text_pasted.emit(text)
        else:
            super().insertFromMimeData(source)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        # Files that are dropped, the page takes, here as everywhere on it.
        if event.mimeData().hasUrls():
            event.ignore()
        else:
            super().dragEnterEvent(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if event.mimeData().hasUrls():
            event.ignore()
        else:
            super().dragMoveEvent(event)


def local_files(mime: QMimeData) -> list[Path]:
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]


def is_long(text: str) -> bool:
    return len(text) > LONG_CHARACTERS or text.count("\n") > LONG_LINES
