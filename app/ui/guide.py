"""The built-in model in the window: making its files in a job, and the words and the badge that mark it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, QRect, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QLabel

from app.core.jobs import Job, JobControl
from app.storage import DataFolder
from app.ui import jobs, theme
from app.ui.parts import label

BADGE_PX = 18
GAP_PX = 8
_PADDING_PX = 7


def can_be_made(folder: DataFolder, quantizations: Sequence[str]) -> bool:
    """For a job: whether any of these is missing, and nothing speaks against making it."""
    from app.guide import guide_fault, guide_file

    return not all(guide_file(folder, each).exists() for each in quantizations) and guide_fault() is None


class GuideMaker(QObject):
    """Makes quantizations of the guide, one call at a time; what is made already takes no time.

    `made` carries their paths in the order asked for, `failed` an EnvironmentFault; `ended` comes last, whatever
    happened.
    """

    progressed = Signal(object)
    made = Signal(object)
    failed = Signal(object)
    ended = Signal()

    def __init__(self, folder: DataFolder, parent: QObject) -> None:
        super().__init__(parent)
        self._folder = folder
        self._job: Job[list[Path]] | None = None

    @property
    def running(self) -> bool:
        return self._job is not None

    def make(self, quantizations: Sequence[str]) -> None:
        if self.running:
            return
        folder = self._folder

        def work(control: JobControl) -> list[Path]:
            from app.guide import make_guide

            return make_guide(folder, quantizations, control)

        self._job = jobs.run(
            self,
            f"Make {', '.join(quantizations)} of the built-in model",
            work,
            on_progress=self.progressed.emit,
            on_done=self.made.emit,
            on_failed=self.failed.emit,
            on_end=self._end,
        )

    def cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _end(self) -> None:
        self._job = None
        self.ended.emit()


def name() -> str:
    """As the guide's files call themselves."""
    return _tr("Nibble guide")


def badge_text() -> str:
    return _tr("Built in")


def explanation() -> str:
    """What is behind the badge."""
    return _tr(
        "Nibble's own tiny model: it comes with the program and answers questions about Nibble and quantization. "
        "Small enough to show in seconds what a quantization costs; no match for a real model."
    )


def badge() -> QLabel:
    """The mark of the built-in model, as a widget."""
    made = label(badge_text(), "badge")
    made.setToolTip(explanation())
    return made


def paint_badge_behind(painter: QPainter, line: QRect, words: str, font: QFont, colour: str = "muted") -> int:
    """Paints the mark of the built-in model behind `words`; returns where, in `line`, they have to end."""
    width = QFontMetrics(theme.font("caption")).horizontalAdvance(badge_text()) + 2 * _PADDING_PX
    left = min(line.left() + QFontMetrics(font).horizontalAdvance(words) + GAP_PX, line.right() - width)
    _paint_badge(painter, QRect(left, line.center().y() - BADGE_PX // 2, width, BADGE_PX), colour)
    return left - GAP_PX


def _paint_badge(painter: QPainter, area: QRect, colour: str) -> None:
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme.current().colour("control"), 1))
    painter.drawRoundedRect(area.toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
    painter.setFont(theme.font("caption"))
    painter.setPen(theme.current().colour(colour))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, badge_text())
    painter.restore()


def _tr(text: str) -> str:
    return QCoreApplication.translate("Guide", text)
