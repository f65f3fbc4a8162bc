"""Answers to one prompt, side by side under letters or names, for a blind test and what came out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.pages.compare_answer import AnswerView
from app.ui.parts import label

NARROWEST_PX = 250
GAP_PX = 12
MOST_COLUMNS = 4


@dataclass(frozen=True)
class Shown:
    """One answer. `note`: a few words about it; `is_chosen`: it was preferred."""

    title: str
    text: str
    note: str = ""
    is_chosen: bool = False


class AnswerCard(QFrame):
    """`link_asked`: an address in the answer was clicked."""

    link_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._title = label("", "strong", wrap=True)
        self._note = label("", "caption", wrap=True)
        self._empty = label(self.tr("An answer without a word."), "muted", wrap=True)
        self.answer = AnswerView(self.tr("Answer"))
        self.answer.link_asked.connect(self.link_asked)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._title, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 12)
        column.setSpacing(6)
        column.addLayout(head)
        column.addWidget(self.answer)
        column.addWidget(self._empty)
        column.addWidget(self._note)
        column.addStretch()

    def show_answer(self, shown: Shown) -> None:
        self.setProperty("role", "chosen" if shown.is_chosen else "card")
        self.style().polish(self)
        self.setAccessibleName(f"{shown.title}. {shown.note}" if shown.note else shown.title)
        self._title.setText(shown.title)
        self._note.setText(shown.note)
        self._note.setVisible(bool(shown.note))
        self.answer.set_text(shown.text)
        self.answer.setVisible(bool(shown.text.strip()))
        self._empty.setVisible(not shown.text.strip())


class AnswersGrid(QWidget):
    """As many in a row as have room."""

    link_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.cards: list[AnswerCard] = []
        self._shown = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP_PX)

    def show_answers(self, answers: Sequence[Shown]) -> None:
        while len(self.cards) < len(answers):
            card = AnswerCard()
            card.link_asked.connect(self.link_asked)
            self.cards.append(card)
        self._shown = len(answers)
        for card, shown in zip(self.cards, answers, strict=False):
            card.show_answer(shown)
        self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        fitting = max(1, (self.width() + GAP_PX) // (theme.px(NARROWEST_PX) + GAP_PX))
        # Three and one below would look as if that one were another kind.
        columns = self._shown if fitting >= self._shown else min(fitting, 2)
        for number, card in enumerate(self.cards):
            self._grid.removeWidget(card)
            if number < self._shown:
                self._grid.addWidget(card, number // columns, number % columns)
            card.setVisible(number < self._shown)
        for column in range(MOST_COLUMNS):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)


class AnswersArea(QScrollArea):
    """The answers with one scroll bar for all of them, so that the same place of each is seen."""

    def __init__(self) -> None:
        super().__init__()
        self.grid = AnswersGrid()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Answers"))
        self.setWidget(self.grid)
        self.shown: list[Shown] = []

    def show_answers(self, answers: Sequence[Shown]) -> None:
        """Others from their beginning; the same stay where they have been scrolled to."""
        before, self.shown = self.shown, list(answers)
        if self.shown == before:
            return
        self.grid.show_answers(answers)
        if [each.text for each in self.shown] != [each.text for each in before]:
            self.verticalScrollBar().setValue(0)
