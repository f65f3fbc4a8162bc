"""The question before the window closes over something that is not done yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QMessageBox, QWidget


def unfinished_of(pages: Iterable[QWidget]) -> list[str]:
    """What closing would throw away, each as a person would call it.

    A page that has such things offers `unfinished() -> list[str]`.
    """
    tellers = (getattr(page, "unfinished", None) for page in pages)
    return [words for tell in tellers if tell is not None for words in tell()]


def ask_to_leave(window: QWidget, lost: Sequence[str]) -> bool:
    """Whether to close all the same; waits for the person."""
    box = QMessageBox(window)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("Nibble")
    box.setText(_tr("Not everything is done yet. What was made so far will be lost."))
    box.setInformativeText("\n".join(lost))
    keep = box.addButton(_tr("Keep Nibble open"), QMessageBox.ButtonRole.RejectRole)
    stop = box.addButton(_tr("Stop and leave"), QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    box.exec()
    stopped = box.clickedButton() is stop
    box.deleteLater()
    return stopped


def _tr(text: str) -> str:
    return QCoreApplication.translate("MainWindow", text)
