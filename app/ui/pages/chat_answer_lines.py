"""What is said beside an answer: what is being waited for, how it ended, and why there is none."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from app.chat import Message, MessageState
from app.core.jobs import Progress
from app.core.units import format_bytes
from app.ui.parts import ElidedLabel, Glyph, button, empty, label

PATIENCE_MS = 300
"""Work that ends sooner shows no progress."""


class WaitingLine(QWidget):
    """What the person is waiting for, with a bar where it can be told how far it is."""

    def __init__(self) -> None:
        super().__init__()
        self._words = label("", "muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(160)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 0, 4)
        row.setSpacing(12)
        row.addWidget(self._bar)
        row.addWidget(self._words)
        row.addStretch()
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self._appear)
        self._progress: Progress | None = None

    @property
    def text(self) -> str:
        return describe_progress(self._progress)

    def show_progress(self, progress: Progress | None) -> None:
        self._progress = progress
        if self.isVisible():
            self._update()
        elif not self._patience.isActive():
            self._patience.start()

    def _appear(self) -> None:
        self._update()
        self.show()

    def _update(self) -> None:
        self._words.setText(self.text)
        self._bar.setAccessibleName(self.text)
        fraction = self._progress.fraction if self._progress else None
        if fraction is None:
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, 1000)
            self._bar.setValue(round(fraction * 1000))

    def rest(self) -> None:
        self._patience.stop()
        self.hide()


class StateLine(QWidget):
    """Says that an answer is not all the model had to say, and why; offers another attempt where that helps."""

    def __init__(self) -> None:
        super().__init__()
        self._glyph = QHBoxLayout()
        self._words = ElidedLabel("", "muted")
        self.again = button(_tr("Try again"), lambda: None, glyph="arrow-clockwise")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addLayout(self._glyph)
        row.addWidget(self._words)
        row.addSpacing(8)
        row.addWidget(self.again)
        row.addStretch()

    @property
    def text(self) -> str:
        return self._words.text()

    def show_state(self, message: Message) -> None:
        glyph, colour, words = _state_of(message)
        self._words.setText(words)
        empty(self._glyph)
        if words:
            self._glyph.addWidget(Glyph(glyph, colour, 16))
        self.again.setVisible(message.state is not MessageState.COMPLETE)
        self.setVisible(bool(words))


class UnansweredLine(QWidget):
    """Below a prompt without an answer: why there is none, and the way to get one."""

    def __init__(self, words: str, again: Callable[[], object]) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(Glyph("info", "muted", 16))
        row.addWidget(label(words, "muted"))
        row.addWidget(button(_tr("Try again"), again, glyph="arrow-clockwise"))
        row.addStretch()


def describe_progress(progress: Progress | None) -> str:
    """`Loading bard-q4 · 43 %`, `Reading the conversation · 512 of 2,048 tokens`"""
    if progress is None:
        return _tr("Starting…")
    words = [progress.stage]
    if progress.total > 0 and progress.unit == "bytes":
        words.append(
            _tr("{done} of {total}").format(
                done=format_bytes(round(progress.done)), total=format_bytes(round(progress.total))
            )
        )
    elif progress.total > 0 and progress.unit == "tokens":
        words.append(
            _tr("{done:,} of {total:,} tokens").format(done=round(progress.done), total=round(progress.total))
        )
    return " · ".join(words) if len(words) > 1 else f"{words[0]}…"


def describe_state(message: Message) -> str:
    """How it ended, where that is not as it should."""
    return _state_of(message)[2]


def _state_of(message: Message) -> tuple[str, str, str]:
    """Glyph, colour and words for how an answer ended; no words where it ended as it should."""
    reason = message.statistics.finish_reason if message.statistics else ""
    if message.state is MessageState.STOPPED:
        return "stop-circle", "muted", _tr("Stopped")
    if message.state in (MessageState.CUT_OFF, MessageState.STREAMING):
        return "warning", "warning", _tr("Cut off: Nibble or the runtime ended here")
    if reason == "length":
        return "info", "muted", _tr("Ended at the limit of tokens set for this chat")
    if reason == "context":
        words = _tr("Context full: go on without the oldest turns, or in a new chat")
        return "info", "warning", words
    return "info", "muted", ""


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
