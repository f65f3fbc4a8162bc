"""A document that reads nothing from disk or network, whatever its text points at."""

from __future__ import annotations

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QImage, QTextDocument

from app.ui import theme
from app.ui.prose.looks import INDENT_PX


class SealedDocument(QTextDocument):
    """Shows those pictures that `keep` has been given, all of our own making."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pictures: dict[str, QImage] = {}
        self.setUndoRedoEnabled(False)
        self.setDocumentMargin(0)
        self.setIndentWidth(INDENT_PX)
        self.setDefaultFont(theme.font("prose"))

    def keep(self, name: str, picture: QImage) -> None:
        self._pictures[name] = picture

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        address = name.toString() if isinstance(name, QUrl) else name
        # A dot and not nothing: given nothing, Qt takes an image's name for a path and opens the file itself.
        return self._pictures.get(address) or _dot()


def _dot() -> QImage:
    dot = QImage(1, 1, QImage.Format.Format_ARGB32)
    dot.fill(0)
    return dot
