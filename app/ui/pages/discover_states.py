"""What Discover shows where it has no list: while it works one out, where nothing is found, and why there is none."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.core.jobs import Progress
from app.core.units import format_bytes
from app.ui.pages.discover_list import ModelList
from app.ui.pages.discover_offers import Listing
from app.ui.parts import Glyph, button, card, label
from app.ui.state_stack import StateStack

WORDS_PX = 420


class Body(StateStack):
    """The list, or what is shown in its place. `clear_asked`: show all models; `hub_asked`: look on the Hub;
    `retry_asked`: look again."""

    clear_asked = Signal()
    hub_asked = Signal()
    retry_asked = Signal()

    def __init__(self, models: ModelList) -> None:
        super().__init__()
        self._list = models
        inside = QVBoxLayout()
        inside.setContentsMargins(1, 4, 1, 4)
        inside.addWidget(models)
        self._filled = card(inside)
        self._blank = QWidget()
        self._looking = _Looking()
        self._no_match = _State(
            "magnifying-glass",
            _tr("No model of the catalogue matches"),
            _tr("Try fewer words: a family (Qwen, Gemma) or a size (8B). Hugging Face has many more."),
            (_tr("Show all models"), self.clear_asked.emit),
        )
        self._no_match.add_button(_tr("Search Hugging Face"), self.hub_asked.emit)
        self._fault = _State(
            "warning-circle",
            _tr("There is no telling what suits this computer"),
            "",
            (_tr("Try again"), self.retry_asked.emit),
        )
        for state in (self._blank, self._looking, self._filled, self._no_match, self._fault):
            self.addWidget(state)
        self.patience.timeout.connect(lambda: self.show_state(self._looking))

    @property
    def shows_list(self) -> bool:
        return self.currentWidget() is self._filled

    @property
    def no_match(self) -> QWidget:
        return self._no_match

    @property
    def fault(self) -> QWidget:
        return self._fault

    def begin_look(self) -> None:
        self.show_state(self._blank)
        self.patience.start()

    def show_progress(self, progress: Progress) -> None:
        self._looking.show_progress(progress)

    def show_list(self) -> None:
        self.patience.stop()
        self.show_state(self._filled, self._list)

    def show_no_match(self) -> None:
        self.show_state(self._no_match, self._no_match.button)

    def show_fault(self, fault: EnvironmentFault) -> None:
        self.patience.stop()
        self._fault.words.setText(str(fault))
        self.show_state(self._fault, self._fault.button)


class NothingFits(QFrame):
    """Above a list in which every model is too big."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "notice-warning")
        self._sentence = label("", "strong", wrap=True)
        hint = label(
            self.tr("Close other programs to free memory, or choose a shorter context."), "", wrap=True
        )
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._sentence)
        words.addWidget(hint)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 16, 12)
        row.setSpacing(12)
        row.addWidget(Glyph("warning", "warning"), 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        self.hide()

    def show_for(self, listing: Listing) -> None:
        """Shows itself if nothing in `listing` has room."""
        budget = listing.budget
        free = budget.memory_bytes + (0 if budget.is_shared else budget.accelerator_bytes)
        words = self.tr("None of these models fits into the {size} of memory that are free now.")
        self._sentence.setText(words.format(size=format_bytes(free)))
        self.setAccessibleName(self._sentence.text())
        self.setVisible(all(choice.recommendation.step.fit.free_bytes < 0 for choice in listing.choices))


class _State(QWidget):
    """A few words in the middle, and the button that leads on."""

    def __init__(self, glyph: str, title: str, words: str, action: tuple[str, Callable[[], object]]) -> None:
        super().__init__()
        self.words = _centred(label(words, "muted", wrap=True))
        self.words.setFixedWidth(WORDS_PX)
        # In the middle by stretches: only so a column asks how high words are at their width.
        middle = QHBoxLayout()
        middle.addStretch()
        middle.addWidget(self.words)
        middle.addStretch()
        self.button = button(*action)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._buttons.addStretch()
        self._buttons.addWidget(self.button)
        self._buttons.addStretch()
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(2)
        column.addWidget(Glyph(glyph, "accent", 48), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(_centred(label(title, "heading", wrap=True)))
        column.addLayout(middle)
        column.addSpacing(8)
        column.addLayout(self._buttons)
        column.addStretch(3)

    def add_button(self, text: str, act: Callable[[], object]) -> None:
        """A second one, behind the first."""
        self._buttons.insertWidget(2, button(text, act))


class _Looking(QWidget):
    """The first look takes a second or two."""

    def __init__(self) -> None:
        super().__init__()
        words = _tr("Working out what suits this computer…")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        self._bar.setFixedWidth(240)
        self._bar.setAccessibleName(words)
        column = QVBoxLayout(self)
        column.setSpacing(8)
        column.addStretch(2)
        column.addWidget(Glyph("compass", "accent", 48), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(_centred(label(words, "heading", wrap=True)))
        column.addWidget(self._bar, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)

    def show_progress(self, progress: Progress) -> None:
        self._bar.setRange(0, int(progress.total))
        self._bar.setValue(int(progress.done))


def _centred(words: QLabel) -> QLabel:
    words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    return words


def _tr(text: str) -> str:
    return QCoreApplication.translate("DiscoverPage", text)
