"""Small parts of the Compare page: its empty state, words that may give way, and answers kept for an undo."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.library import LibraryEntry
from app.ui.pages.compare_earlier import Begun
from app.ui.pages.compare_turn import Turn
from app.ui.parts import ElidedLabel, Glyph, button, label

WORDS_PX = 440


class Empty(QWidget):
    """`library_asked`: the person wants to go where models come from; `guide_asked`: or to try the built-in one."""

    library_asked = Signal()
    guide_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._title = label("", "heading")
        self._words = label("", "muted", wrap=True)
        self._words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._words.setFixedWidth(WORDS_PX)
        self.go = button(
            self.tr("Go to the library"),
            self.library_asked.emit,
            role="primary",
            glyph="stack",
            tip=self.tr("Add models, or make another quantization of one you have"),
        )
        self.try_guide = button(
            self.tr("Try it now, offline"),
            self.guide_asked.emit,
            glyph="play",
            tip=self.tr("Make Nibble's own tiny model as Q8_0 and Q4_0, and compare the two; takes seconds"),
        )
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch()
        buttons.addWidget(self.go)
        buttons.addWidget(self.try_guide)
        buttons.addStretch()
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(2)
        column.addWidget(Glyph("scales", "accent", 48), 0, Qt.AlignmentFlag.AlignHCenter)
        for part in (self._title, self._words):
            column.addWidget(part, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(8)
        column.addLayout(buttons)
        column.addStretch(3)

    def show_count(self, models: int, can_make_guide: bool) -> None:
        """`models`: how many there are, none or one."""
        self.try_guide.setVisible(can_make_guide)
        if models:
            self._title.setText(self.tr("One model is not enough to compare"))
            words = self.tr(
                "Compare puts one prompt to two models, side by side, and shows where their answers part. "
                "Make a smaller quantization of your model in the library, or add another model."
            )
        else:
            self._title.setText(self.tr("No models to compare yet"))
            words = self.tr(
                "Compare puts one prompt to two models, side by side, and shows where their answers part. "
                "Add models to the library first; two quantizations of one model are a good start."
            )
        self._words.setText(words)
        # The layout asks a centred label for its hint, which knows nothing of the width it will have.
        self._words.setMinimumHeight(self._words.heightForWidth(WORDS_PX))


class WholeLabel(ElidedLabel):
    """Shows nothing where there is no room for all of it."""

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.fontMetrics().horizontalAdvance(self.text()) <= self.contentsRect().width():
            super().paintEvent(event)


class ShortLabel(ElidedLabel):
    """Shows a shorter text, perhaps none, where there is no room for all of it."""

    def __init__(self, text: str, short: str, role: str = "") -> None:
        super().__init__(text, role)
        self._short = short

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self._short), super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        has_room = self.fontMetrics().horizontalAdvance(self.text()) <= self.contentsRect().width()
        with QPainter(self) as painter:
            painter.setPen(self.palette().color(self.foregroundRole()))
            painter.drawText(self.contentsRect(), self.alignment(), self.text() if has_room else self._short)


@dataclass(frozen=True)
class Kept:
    """Answers that were cleared and can be brought back, with the models that gave them, and the conversation of Chat
    that they went on with."""

    panes: tuple[tuple[LibraryEntry, list[Turn]], ...]
    begun: Begun | None = None

    @property
    def models(self) -> list[LibraryEntry]:
        return [entry for entry, _ in self.panes]

    def delete(self) -> None:
        for _, turns in self.panes:
            for turn in turns:
                turn.deleteLater()
