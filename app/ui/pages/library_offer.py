"""The two ways to begin that the Library offers where it is empty, each on a card of its own."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Signal, SignalInstance
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.core.errors import EnvironmentFault, GuideDamaged
from app.ui import guide
from app.ui.fault_card import FaultCard
from app.ui.pages.library_making import ProgressLines
from app.ui.parts import Glyph, button, label

OFFER_PX = 360
PADDING_PX = 24
WORDS_PX = OFFER_PX - 2 * PADDING_PX


class Offer(QFrame):
    """What it is, what it does, and at its foot what begins it."""

    def __init__(self, glyph: str, title: str, words: str) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.setAccessibleName(title)
        self.setFixedWidth(OFFER_PX)
        self.head = QHBoxLayout()
        self.head.setSpacing(10)
        self.head.addWidget(Glyph(glyph, "accent", 24))
        self.head.addWidget(label(title, "heading"))
        sentence = label(words, "muted", wrap=True)
        sentence.setFixedWidth(WORDS_PX)
        # The layout asks for its hint, which knows nothing of the width it will have.
        sentence.setMinimumHeight(sentence.heightForWidth(WORDS_PX))
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(PADDING_PX, 20, PADDING_PX, PADDING_PX)
        self.column.setSpacing(12)
        self.column.addLayout(self.head)
        self.column.addWidget(sentence)
        self.column.addStretch()


class FindOffer(Offer):
    find_asked = Signal()

    def __init__(self) -> None:
        super().__init__(
            "compass",
            _tr("A real model"),
            _tr(
                "Discover knows which models suit this computer, and gets the one you choose. "
                "Most are a few GB, so it takes a while."
            ),
        )
        self.head.addStretch()
        self.begin = _begin_button(_tr("Find a model"), "magnifying-glass", self.find_asked)
        self.begin.setToolTip(_tr("Shows models for this computer, and searches Hugging Face"))
        self.column.addWidget(self.begin)
        self.setFocusProxy(self.begin)


class GuideOffer(Offer):
    """Makes the built-in model; shows in the button's place how far that is, or why it failed."""

    try_asked = Signal()
    cancel_asked = Signal()

    def __init__(self) -> None:
        super().__init__(
            "scales",
            _tr("A tiny model"),
            _tr(
                "Nibble's own guide is made here in two sizes, Q8_0 and Q4_0, and put side by side. "
                "Takes seconds; nothing is downloaded."
            ),
        )
        self.head.addWidget(guide.badge())
        self.head.addStretch()
        self.begin = _begin_button(_tr("Try it now, offline"), "play", self.try_asked)
        self.fault_card: FaultCard | None = None
        self._foot = QStackedWidget()
        self._foot.addWidget(self.begin)
        self._foot.addWidget(self._make_progress())
        self.column.addWidget(self._foot)
        self.setFocusProxy(self.begin)

    @property
    def is_busy(self) -> bool:
        return self._foot.currentIndex() == 1

    def show_making(self) -> None:
        """From now on it is being made; the keyboard's focus goes from the button to Cancel."""
        had_focus = self._has_focus()
        self._drop_fault()
        self.lines.show_words(_tr("Begins…"))
        self._foot.setCurrentIndex(1)
        if had_focus:
            self.cancel.setFocus()

    def show_idle(self) -> None:
        """Back to the button."""
        had_focus = self._has_focus()
        self._foot.setCurrentIndex(0)
        if had_focus and self.fault_card is None:
            self.begin.setFocus()

    def show_begin(self) -> None:
        """As at first, whatever was said since."""
        self._drop_fault()
        self.show_idle()

    def show_fault(self, fault: EnvironmentFault) -> None:
        """Why it was not made, in the place of the button."""
        had_focus = self._has_focus()
        self._drop_fault()
        again = (_tr("Try again"), "arrow-clockwise", self.try_asked.emit)
        # Only a new installation helps against files that are damaged.
        self.fault_card = FaultCard(fault, [] if isinstance(fault, GuideDamaged) else [again], margin_px=12)
        self.column.addWidget(self.fault_card)
        self.fault_card.show()  # at once, so that it can have the focus
        if had_focus and self.fault_card.buttons:
            self.fault_card.buttons[0].setFocus()
        self._foot.hide()

    def _has_focus(self) -> bool:
        focused = QApplication.focusWidget()
        return focused is not None and self.isAncestorOf(focused)

    def _drop_fault(self) -> None:
        if self.fault_card is not None:
            self.fault_card.hide()
            self.fault_card.deleteLater()
            self.fault_card = None
        self._foot.show()

    def _make_progress(self) -> QWidget:
        self.lines = ProgressLines(_tr("Making the built-in model"), brief=True)
        self.cancel = button(
            _tr("Cancel"), self.cancel_asked.emit, tip=_tr("Stop; what is made so far is used the next time")
        )
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        row.addWidget(self.lines, 1)
        row.addWidget(self.cancel)
        return made


def _begin_button(text: str, glyph: str, asked: SignalInstance) -> QPushButton:
    return button(text, asked.emit, role="primary", glyph=glyph)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
