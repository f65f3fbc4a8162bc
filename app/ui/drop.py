"""Files dropped onto the window: which of them are models, and the veil that says what will happen."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, Qt
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.ui.parts import Glyph, label


def dropped_models(mime: QMimeData) -> list[Path]:
    """The local .gguf files and folders in what is dragged."""
    paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    return [path for path in paths if path.suffix.lower() == ".gguf" or path.is_dir()]


class DropVeil(QFrame):
    """Covers its parent while something it takes is dragged over it. Says what will happen; without, what the window
    does."""

    def __init__(
        self, parent: QWidget, title: str = "", caption: str = "", glyph: str = "download-simple"
    ) -> None:
        super().__init__(parent)
        self._over = parent
        self.setProperty("role", "drop")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch()
        centre = Qt.AlignmentFlag.AlignHCenter
        column.addWidget(Glyph(glyph, "on_accent_soft", 56), 0, centre)
        column.addWidget(label(title or self.tr("Drop to add to your library"), "title"), 0, centre)
        column.addWidget(label(caption or self.tr("The files stay where they are.")), 0, centre)
        column.addStretch()
        self.hide()

    def cover(self) -> None:
        self.setGeometry(self._over.rect().adjusted(16, 16, -16, -16))
        self.raise_()
        self.show()
