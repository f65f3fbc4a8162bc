"""The messages of a conversation: prompts as bubbles, answers as text."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

from PySide6.QtCore import QCoreApplication, QEvent, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.chat import Message
from app.core.jobs import Progress
from app.ui import theme
from app.ui.pages.chat_action_row import ActionRow, ActionSamples
from app.ui.pages.chat_actions import MessageActions, MessageEditor
from app.ui.pages.chat_answer_lines import StateLine, WaitingLine, describe_state
from app.ui.pages.chat_chips import sent_chips
from app.ui.pages.chat_full_context import LeftOutLine
from app.ui.pages.chat_reasoning import ReasoningView
from app.ui.pages.chat_statistics import AnswerStatistics, StatisticsFold
from app.ui.pages.chat_text import Prose
from app.ui.pages.chat_tool_calls import ToolCallCards

BUBBLE_SHARE = 0.85
BUBBLE_PADDING_PX = 16
_Part = TypeVar("_Part", bound=QWidget)


class PromptBubble(QWidget):
    """What the person wrote, at the right, no wider than it needs."""

    def __init__(
        self, message: Message, samples: ActionSamples, wire: Callable[[PromptBubble, MessageActions], None]
    ) -> None:
        """`wire` is called with the buttons once there are any."""
        super().__init__()
        self.message = message
        text = message.text
        self.attachments = sent_chips(message.attachments, self)
        self.prose = Prose(_tr("Your message"))
        self.prose.show_plain(text)
        self.action_row = ActionRow(samples, lambda buttons: wire(self, buttons))
        self.action_row.show_message(message)
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
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch()
        row.addWidget(self._bubble)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.attachments)
        column.addLayout(row)
        column.addWidget(self.action_row, 0, Qt.AlignmentFlag.AlignRight)
        self._measure()

    def _measure(self) -> None:
        self._zoom = theme.current().zoom
        metrics = QFontMetrics(theme.font("prose"))
        # A line of a thousand letters is wider than any bubble: no need to measure the rest of it.
        lines = self.message.text.split("\n")
        self._ideal_px = max(metrics.horizontalAdvance(line[:1000]) for line in lines) + 8

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.StyleChange and self._zoom != theme.current().zoom:
            self._measure()
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        most = round(self.width() * BUBBLE_SHARE) - 2 * BUBBLE_PADDING_PX
        self.prose.setFixedWidth(max(min(math.ceil(self._ideal_px), most), 24))

    @property
    def buttons(self) -> MessageActions:
        return self.action_row.buttons

    def set_busy(self, busy: bool) -> None:
        """Whether an answer is being made anywhere."""
        self.action_row.set_busy(busy)

    def edit_in(self, editor: MessageEditor) -> None:
        """Gives its place to the editor, until that is gone."""
        put_editor(self, editor, self._bubble, self.action_row)


class AnswerView(QWidget):
    """One answer: what is being waited for, the text, and below it how it ended, how fast it was and what can be done.

    Its parts are made when they are needed: a conversation has hundreds of answers. `again_asked`: the person wants
    another attempt.
    """

    again_asked = Signal()
    link_asked = Signal(str)

    def __init__(
        self,
        fold: StatisticsFold,
        samples: ActionSamples,
        wire: Callable[[AnswerView, MessageActions], None],
    ) -> None:
        """`wire` is called with the buttons once there are any."""
        super().__init__()
        self._message: Message | None = None
        self._is_busy = False
        self._fold = fold
        self._samples = samples
        self._wire = wire
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._places: list[int] = []

    def _put(self, part: _Part, place: int) -> _Part:
        """Puts a part where it belongs among those that are there."""
        part.hide()
        row = bisect_left(self._places, place)
        self._places.insert(row, place)
        self._column.insertWidget(row, part)
        return part

    @cached_property
    def left_out(self) -> LeftOutLine:
        return self._put(LeftOutLine(), 0)

    @cached_property
    def reasoning(self) -> ReasoningView:
        return self._put(ReasoningView(), 1)

    @cached_property
    def prose(self) -> Prose:
        made = Prose(_tr("Answer"))
        made.link_asked.connect(self.link_asked)
        return self._put(made, 2)

    @cached_property
    def tool_calls(self) -> ToolCallCards:
        return self._put(ToolCallCards(), 3)

    @cached_property
    def waiting(self) -> WaitingLine:
        return self._put(WaitingLine(), 4)

    @cached_property
    def state_line(self) -> StateLine:
        made = StateLine()
        made.again.clicked.connect(self.again_asked)
        return self._put(made, 5)

    @cached_property
    def footer(self) -> AnswerFooter:
        action_row = ActionRow(self._samples, lambda buttons: self._wire(self, buttons))
        action_row.set_busy(self._is_busy)
        return self._put(AnswerFooter(self._fold, action_row), 6)

    @property
    def statistics(self) -> AnswerStatistics:
        return self.footer.statistics

    @property
    def buttons(self) -> MessageActions:
        return self.action_row.buttons

    @property
    def action_row(self) -> ActionRow:
        return self.footer.action_row

    def set_busy(self, busy: bool) -> None:
        """Whether an answer is being made anywhere."""
        self._is_busy = busy
        if self._has("footer"):
            self.footer.action_row.set_busy(busy)

    def _has(self, part: str) -> bool:
        """Whether that part has been made."""
        return part in self.__dict__

    def prepare(self) -> None:
        """Makes what the first words need, while they are waited for."""
        self.prose.prepare()

    def think(self, text: str) -> None:
        """More of what the model thinks before it answers."""
        self._rest()
        self.reasoning.append(text)

    def append(self, text: str) -> None:
        """More of a streaming answer."""
        self._rest()
        if self._has("reasoning"):
            self.reasoning.end()
        self.prose.append(text)
        self.prose.show()

    def show_progress(self, progress: Progress | None) -> None:
        """What happens before the first word."""
        has_words = (self._has("prose") and self.prose.text) or (
            self._has("reasoning") and self.reasoning.text
        )
        if not has_words:
            self.waiting.show_progress(progress)

    def show_message(self, message: Message, context_length: int | None) -> None:
        """The answer as it is kept. `context_length`: of the model that gave it, where that is known."""
        self._message = message
        self._rest()
        if message.reasoning or self._has("reasoning"):
            self.reasoning.show_whole(message.reasoning, message.reasoning_s)
        self.prose.show_markdown(message.text)
        self.prose.setVisible(bool(message.text) or not (message.reasoning or message.tool_calls))
        if message.tool_calls:
            self.tool_calls.show_calls(message.tool_calls)
        if describe_state(message) or self._has("state_line"):
            self.state_line.show_state(message)
        self.footer.statistics.show_message(message, context_length)
        self.footer.action_row.show_message(message)
        self.footer.show()

    @property
    def message(self) -> Message | None:
        """None while it is being made."""
        return self._message

    def last_code(self) -> str | None:
        return self.prose.last_code() if self._has("prose") else None

    def show_context(self, context_length: int | None) -> None:
        if self._message is not None:
            self.footer.statistics.show_context(context_length)

    def show_left_out(self, messages: int) -> None:
        """So many messages are left out from here on; nothing is said where none are."""
        if messages or self._has("left_out"):
            self.left_out.show_count(messages)

    def forbid_again(self) -> None:
        """Only the last answer can be tried again or go on."""
        if self._has("state_line"):
            self.state_line.again.hide()
        if self._has("footer"):
            self.footer.action_row.forbid_going_on()

    def edit_in(self, editor: MessageEditor) -> None:
        """Gives its place to the editor, until that is gone."""
        put_editor(self, editor, self.prose, self.footer)

    def _rest(self) -> None:
        if self._has("waiting"):
            self.waiting.rest()


class AnswerFooter(QWidget):
    """Below an answer: its figures, and what can be done with it."""

    def __init__(self, fold: StatisticsFold, action_row: ActionRow) -> None:
        super().__init__()
        self.statistics = AnswerStatistics(fold)
        self.action_row = action_row
        self._row = row = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.statistics, 1)
        row.addWidget(self.action_row, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)

    def minimumSizeHint(self) -> QSize:
        parts = self.statistics.minimumSizeHint(), self.action_row.minimumSizeHint()
        return QSize(max(part.width() for part in parts), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside_px = self.statistics.minimumSizeHint().width() + self.action_row.sizeHint().width() + 8
        has_room = beside_px <= self.width()
        self._row.setDirection(
            QBoxLayout.Direction.LeftToRight if has_room else QBoxLayout.Direction.TopToBottom
        )


def put_editor(view: QWidget, editor: MessageEditor, *hidden: QWidget) -> None:
    """Shows `editor` in `view` in the place of what is hidden meanwhile."""
    layout = view.layout()
    assert isinstance(layout, QVBoxLayout)
    for each in hidden:
        each.hide()
    layout.insertWidget(layout.indexOf(hidden[0]), editor)

    def put_back() -> None:
        for each in hidden:
            each.show()
        editor.deleteLater()

    editor.given_up.connect(put_back)
    editor.setFocus()


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
