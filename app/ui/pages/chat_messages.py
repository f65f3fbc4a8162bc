"""The messages of a conversation: prompts as bubbles, answers as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QCoreApplication, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.chat import Message, MessageState
from app.chat.attachments import AttachmentHead
from app.core.jobs import Progress
from app.core.units import format_bytes, format_duration, format_rate
from app.runtime import GenerationStatistics
from app.ui import icons, theme
from app.ui.pages.chat_chips import sent_chips
from app.ui.pages.chat_full_context import LeftOutLine, describe_left_out
from app.ui.pages.chat_reasoning import ReasoningView
from app.ui.pages.chat_text import Prose
from app.ui.parts import Glyph, button, icon_button, label

BUBBLE_SHARE = 0.85
BUBBLE_PADDING_PX = 16
COPIED_MS = 1500
PATIENCE_MS = 300
"""Work that ends sooner shows no progress."""


class PromptBubble(QWidget):
    """What the person wrote, at the right, no wider than it needs."""

    def __init__(self, text: str, attachments: Sequence[AttachmentHead] = ()) -> None:
        super().__init__()
        self.attachments = sent_chips(attachments, self)
        self.prose = Prose(_tr("Your message"))
        self.prose.show_plain(text)
        self._bubble = QFrame()
        self._bubble.setProperty("role", "bubble")
        self._bubble.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        inside = QVBoxLayout(self._bubble)
        # Qt puts the room between lines below each, so that there is some below the last.
        inside.setContentsMargins(BUBBLE_PADDING_PX, 12, BUBBLE_PADDING_PX, 6)
        inside.addWidget(self.prose)
        if not text:
            self._bubble.hide()
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self._bubble)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.attachments)
        column.addLayout(row)
        metrics = QFontMetrics(theme.font("prose"))
        # A line of a thousand letters is wider than any bubble: no need to measure the rest of it.
        self._ideal_px = max(metrics.horizontalAdvance(line[:1000]) for line in text.split("\n")) + 8

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        most = round(self.width() * BUBBLE_SHARE) - 2 * BUBBLE_PADDING_PX
        self.prose.setFixedWidth(max(min(math.ceil(self._ideal_px), most), 24))


class AnswerView(QWidget):
    """One answer: what is being waited for, the text, and below it how it ended and how fast it was.

    `again_asked`: the person wants another attempt.
    """

    again_asked = Signal()
    link_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._message: Message | None = None
        self.prose = Prose(_tr("Answer"))
        self.prose.link_asked.connect(self.link_asked)
        self.prose.hide()
        self.reasoning = ReasoningView()
        self.reasoning.hide()
        self.left_out = LeftOutLine()
        self.waiting = WaitingLine()
        self.waiting.hide()
        self.state_line = StateLine()
        self.state_line.again.clicked.connect(self.again_asked)
        self.state_line.hide()
        self.statistics = label("", "caption", wrap=True)
        self._copy = icon_button("copy", _tr("Copy answer"), self.copy)
        self._footer = QWidget()
        self._lay_out()

    def _lay_out(self) -> None:
        footer = QHBoxLayout(self._footer)
        footer.setContentsMargins(0, 0, 0, 0)
        footer.setSpacing(8)
        footer.addWidget(self.statistics, 1)
        footer.addWidget(self._copy, 0, Qt.AlignmentFlag.AlignTop)
        self._footer.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.left_out)
        column.addWidget(self.reasoning)
        column.addWidget(self.prose)
        column.addWidget(self.waiting)
        column.addWidget(self.state_line)
        column.addWidget(self._footer)

    def think(self, text: str) -> None:
        """More of what the model thinks before it answers."""
        self.waiting.rest()
        self.reasoning.append(text)

    def append(self, text: str) -> None:
        """More of a streaming answer."""
        self.waiting.rest()
        self.reasoning.end()
        self.prose.append_plain(text)
        self.prose.show()

    def show_progress(self, progress: Progress | None) -> None:
        """What happens before the first word."""
        if not self.prose.text and not self.reasoning.text:
            self.waiting.show_progress(progress)

    def show_message(self, message: Message, context_length: int | None) -> None:
        """The answer as it is kept. `context_length`: of the model that gave it, where that is known."""
        self._message = message
        self.waiting.rest()
        self.reasoning.show_whole(message.reasoning, message.reasoning_s)
        self.prose.show_markdown(message.text)
        self.prose.setVisible(bool(message.text) or not message.reasoning)
        self.state_line.show_state(message)
        self.statistics.setToolTip(explain_statistics(message))
        self.show_context(context_length)
        self._footer.show()

    @property
    def message(self) -> Message | None:
        """None while it is being made."""
        return self._message

    def show_context(self, context_length: int | None) -> None:
        if self._message is not None:
            self.statistics.setText(describe_statistics(self._message, context_length))

    def forbid_again(self) -> None:
        """Only the last answer can be tried again."""
        self.state_line.again.hide()

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(self.prose.text)
        self._copy.setIcon(icons.icon("check", "good"))
        QTimer.singleShot(COPIED_MS, self._copy, lambda: self._copy.setIcon(icons.icon("copy", "muted")))


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
        self._words = label("", "muted")
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
        while (item := self._glyph.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
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


def describe_statistics(message: Message, context_length: int | None) -> str:
    """`38.2 tokens/s · first token after 0.21 s · 128 tokens · context 312 of 4,096 · Bard BF16`"""
    model = " ".join(filter(None, (message.model_name, message.quantization)))
    figures = message.statistics
    if figures is None:
        return model
    words = [
        format_rate(figures.tokens_per_s) if figures.tokens > 1 else "",
        _tr("first token after {time}").format(time=format_duration(figures.time_to_first_token_s)),
        _tr("1 token") if figures.tokens == 1 else _tr("{n:,} tokens").format(n=figures.tokens),
        _describe_context(figures, context_length),
        model,
    ]
    # Broken between the figures only.
    return "\u00a0· ".join(word.replace(" ", "\u00a0") for word in words if word)


def explain_statistics(message: Message) -> str:
    """The same at length, for the tooltip."""
    figures = message.statistics
    if figures is None:
        return ""
    lines = [
        _tr("Prompt: {n:,} tokens, of which {new:,} were new; read in {time}").format(
            n=figures.prompt_tokens, new=figures.evaluated_tokens, time=format_duration(figures.prompt_s)
        ),
        _tr("Answer: {n:,} tokens at {rate}").format(
            n=figures.tokens, rate=format_rate(figures.tokens_per_s)
        ),
        _tr("Memory in use: {size}").format(size=format_bytes(figures.memory_bytes)),
        _tr("Seed: {seed}").format(seed=figures.seed),
        describe_left_out(figures.dropped_messages),
    ]
    return "\n".join(filter(None, lines))


def _describe_context(figures: GenerationStatistics, context_length: int | None) -> str:
    used = figures.prompt_tokens + figures.tokens
    if context_length is None:
        return _tr("context {used:,}").format(used=used)
    return _tr("context {used:,} of {total:,}").format(used=used, total=context_length)


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
