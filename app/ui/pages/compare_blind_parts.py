"""Parts of the blind test: the prompt, what is said in the place of answers, and the row of votes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.chat.titles import one_line
from app.ui import theme
from app.ui.flow import FlowLayout
from app.ui.key_table import deed
from app.ui.pages.compare_blind_words import LETTERS
from app.ui.parts import button, choice, empty, label, with_keys

MOST_PROMPT_PX = 112
WORDS_PX = 460

Step = tuple[str, str, Callable[[], object]]
"""A button: its text, its glyph or "", and what it does."""


def beginning_or_end(text: str, most: int = 200) -> str:
    """In one line; a long document by its end, where the question is."""
    if len(text) <= most:
        return one_line(text)
    return f"{one_line(text[:most])}…" if len(text) <= 4 * most else f"… {one_line(text[-most:])}"


class PromptBox(QScrollArea):
    """The prompt as it was put; a long one scrolls, from its end, where the question is."""

    def __init__(self) -> None:
        super().__init__()
        self._words = label("", wrap=True)
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._words.setAlignment(Qt.AlignmentFlag.AlignTop)
        inside = QFrame()
        inside.setProperty("role", "prompt")
        column = QVBoxLayout(inside)
        column.setContentsMargins(12, 8, 12, 8)
        column.addWidget(self._words)
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Prompt"))
        self.verticalScrollBar().rangeChanged.connect(
            lambda low, high: self.verticalScrollBar().setValue(high)
        )

    @property
    def text(self) -> str:
        return self._words.text()

    def show_prompt(self, text: str) -> None:
        if text != self._words.text():
            self._words.setText(text)
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        needed = self._words.heightForWidth(max(self.width() - 24, 80)) + 16
        self.setFixedHeight(min(needed, theme.px(MOST_PROMPT_PX)))


class StatePlate(QWidget):
    """In the place of answers: how it stands, and what can be done."""

    def __init__(self) -> None:
        super().__init__()
        self._title = label("", "heading", wrap=True)
        self._words = label("", "muted", wrap=True)
        for each in (self._title, self._words):
            each.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setFixedWidth(160)
        self._row = QHBoxLayout()
        self._row.setSpacing(8)
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.addStretch()
        for each in (self._title, self._words):
            column.addWidget(each)
        column.addWidget(self._busy, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addLayout(self._row)
        column.addStretch()
        self.buttons: list[QPushButton] = []
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    @property
    def words(self) -> str:
        return f"{self._title.text()} {self._words.text()}"

    def show_words(
        self, title: str, words: str, steps: Sequence[Step], *, is_busy: bool = False, primary: bool = False
    ) -> None:
        self._title.setText(title)
        self._words.setText(words)
        self._words.setVisible(bool(words))
        self._busy.setVisible(is_busy)
        self.setAccessibleName(f"{title}. {words}")
        if [text for text, _, _ in steps] == [each.text() for each in self.buttons]:
            return  # what is under the pointer or has the focus stays
        empty(self._row)
        self._row.addStretch()
        self.buttons = []
        for number, (text, glyph, act) in enumerate(steps):
            role = "primary" if primary and not number else ""
            made = button(text, act, glyph=glyph, role=role)
            self.buttons.append(made)
            self._row.addWidget(made)
        self._row.addStretch()


class VoteBar(QWidget):
    """`voted` carries a place (from 0), "tie", "both bad" or "skipped"."""

    voted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._row = FlowLayout(centred=True)
        self.setLayout(self._row)
        self.choices: dict[object, QPushButton] = {}

    def set_panes(self, panes: int) -> None:
        if len(self.choices) == panes + 3:
            return
        empty(self._row)
        two = panes == 2
        words: dict[object, tuple[str, str]] = {
            place: (
                (self.tr("{letter} is better") if two else self.tr("{letter} is best")).format(letter=letter),
                f"blind-{letter.lower()}",
            )
            for place, letter in enumerate(LETTERS[:panes])
        }
        words["tie"] = (self.tr("Tie"), "blind-tie")
        words["both bad"] = (self.tr("Both bad") if two else self.tr("All bad"), "blind-bad")
        words["skipped"] = (self.tr("Skip"), "blind-skip")
        self.choices = {}
        for said, (text, name) in words.items():
            made = choice(text)
            made.setToolTip(with_keys(text, deed(name).sequences()[0]))
            made.clicked.connect(partial(self._clicked, said))
            self.choices[said] = made
            self._row.addWidget(made)

    def show_vote(self, said: object) -> None:
        """None: nothing yet."""
        for each, made in self.choices.items():
            made.setChecked(each == said)

    def _clicked(self, said: object) -> None:
        self.voted.emit(said)
