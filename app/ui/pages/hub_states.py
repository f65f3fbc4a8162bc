"""What the pages of the Hub show in the place of what was asked for: that it is being asked, that nothing was found, or
why there is no answer, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QCoreApplication, Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.core.errors import (
    EnvironmentFault,
    GatedRepository,
    NotOnHub,
    OfflineWished,
    RateLimited,
    TokenRefused,
)
from app.core.units import format_duration
from app.ui.pages import hub_words as words
from app.ui.parts import Glyph, button, empty, label

WORDS_PX = 460

Step = tuple[str, str, Callable[[], object]]
"""A button: its text, its glyph or "", and what it does."""


class Message(QWidget):
    """A glyph, a heading and a few words in the middle, with buttons that lead on."""

    def __init__(self) -> None:
        super().__init__()
        self.buttons: list[QPushButton] = []
        self._glyph = Glyph("info", "accent", 48)
        self._title = _centred(label("", "heading", wrap=True))
        self.words = _centred(label("", "muted", wrap=True))
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._row = QHBoxLayout()
        self._row.setSpacing(8)
        self._column = QVBoxLayout(self)
        self._column.setSpacing(8)
        self._column.addStretch(2)
        self._column.addWidget(self._glyph, 0, Qt.AlignmentFlag.AlignHCenter)
        for each in (self._title, self.words):
            each.setFixedWidth(WORDS_PX)
            # In the middle by stretches: only so a column asks how high words are at their width.
            middle = QHBoxLayout()
            middle.addStretch()
            middle.addWidget(each)
            middle.addStretch()
            self._column.addLayout(middle)
        self._column.addSpacing(8)
        self._column.addLayout(self._row)
        self._column.addStretch(3)

    def say(self, glyph: str, title: str, text: str, steps: Sequence[Step] = ()) -> None:
        """The first of `steps` is the one to take."""
        made = Glyph(glyph, "accent", 48)
        self._column.replaceWidget(self._glyph, made)
        self._column.setAlignment(made, Qt.AlignmentFlag.AlignHCenter)
        self._glyph.deleteLater()
        self._glyph = made
        self._title.setText(title)
        self.words.setText(text)
        self.setAccessibleName(f"{title}. {text}")
        empty(self._row)
        self._row.addStretch()
        self.buttons = [button(name, act, glyph=picture) for name, picture, act in steps]
        for each in self.buttons:
            self._row.addWidget(each)
        self._row.addStretch()


class FaultMessage(Message):
    """`again_asked`: ask once more; `page_asked` carries an address for the browser."""

    again_asked = Signal()
    page_asked = Signal(str)
    settings_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._left_s = 0
        self._clock = QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._tick)

    def explain(self, fault: EnvironmentFault, more: Sequence[Step] = ()) -> None:
        """`more`: steps beside those that the kind of fault has."""
        glyph, title = words.fault_look(fault)
        again = (_tr("Try again"), "arrow-clockwise", self.again_asked.emit)
        settings = (_tr("Access token…"), "key", self.settings_asked.emit)
        steps: list[Step] = []
        if isinstance(fault, GatedRepository):
            page = fault.page
            steps += [
                (_tr("Open the page"), "arrow-square-out", lambda: self.page_asked.emit(page)),
                settings,
            ]
        elif isinstance(fault, TokenRefused):
            steps += [settings]
        elif isinstance(fault, NotOnHub):
            steps += [*more, settings]
        if not isinstance(fault, OfflineWished | NotOnHub):
            steps.append(again)
        if not isinstance(fault, NotOnHub):
            steps += more
        self.say(glyph, title, str(fault), steps)
        self._wait(fault.retry_after_s if isinstance(fault, RateLimited) else None)

    def _wait(self, seconds: float | None) -> None:
        """Asking before would only prolong the pause."""
        self._clock.stop()
        if seconds:
            self._left_s = round(seconds)
            self._clock.start()
            self._show_wait()

    def _tick(self) -> None:
        self._left_s -= 1
        self._show_wait()

    def _show_wait(self) -> None:
        again = self.buttons[0]
        again.setEnabled(self._left_s <= 0)
        if self._left_s > 0:
            again.setText(_tr("Again in {time}").format(time=_time(self._left_s)))
        else:
            again.setText(_tr("Try again"))
            self._clock.stop()


class Asking(QWidget):
    """The Hub is being asked; `cancelled`: the person does not want to wait."""

    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._words = _centred(label("", "heading", wrap=True))
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        self._bar.setFixedWidth(240)
        self.cancel = button(_tr("Cancel"), self.cancelled.emit)
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.addStretch(2)
        column.addWidget(Glyph("globe-hemisphere-west", "accent", 48), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._words)
        column.addWidget(self._bar, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self.cancel, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)

    def say(self, text: str) -> None:
        self._words.setText(text)
        self._bar.setAccessibleName(text)


def _time(seconds: int) -> str:
    return format_duration(seconds) if seconds >= 10 else _tr("{n} s").format(n=seconds)


def _centred(words: QLabel) -> QLabel:
    words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    return words


def _tr(text: str) -> str:
    return QCoreApplication.translate("HubPage", text)
