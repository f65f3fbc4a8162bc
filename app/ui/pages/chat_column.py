"""The column of messages: scrolls, keeps to its end while an answer grows, and of long ones has only what is near."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.chat import Message
from app.core.errors import EnvironmentFault
from app.core.jobs import Progress
from app.ui import theme
from app.ui.fault_card import FaultCard
from app.ui.pages.chat_action_row import ActionSamples
from app.ui.pages.chat_actions import MessageActions, MessageEditor
from app.ui.pages.chat_answer_lines import UnansweredLine
from app.ui.pages.chat_messages import AnswerView, PromptBubble
from app.ui.pages.chat_statistics import StatisticsFold
from app.ui.pages.chat_text import Prose, load_reader
from app.ui.parts import icon_button

WIDTH_PX = 744
FIRST_CHARACTERS, FIRST_MESSAGES = 3_000, 8
"""What is made of a conversation before it is shown, counted from its end: a screen full. The rest is made when the
person comes near it."""
AHEAD = 2.5
"""So many heights of the window are there above what is seen."""
KEPT_ABOVE = 8.0
"""What is farther above what is seen, in heights of the window, goes again: a message takes a quarter of a MB, and a
conversation may go on all day."""
DROPPING_S = 0.004
"""For so long messages are looked at in one turn of the event loop, whether they go."""
LAYOUTS = 4
"""A change of height goes from a message to its row, to the column and to the scroll bar, each time by an event."""
BETWEEN_MS = 8
"""From one message that is made to the next, so that the person can scroll meanwhile."""
LOAD_AFTER_MS = 1500
"""The window is there by then, and nobody has an answer yet."""
SIDE_PX = 24
NEAR_END_PX = 24


class MessageColumn(QScrollArea):
    """`again_asked`: answer the last prompt once more. `link_asked`: an address in an answer was clicked.

    What is asked for with a message's buttons carries the message: `edited` with the new text, `another_asked` for
    another answer in its place, `go_on_asked` for more of it, `compare_asked` for what other models say; `switch_asked`
    the number of the version to show; `quote_asked` a text.
    """

    again_asked = Signal()
    edited = Signal(object, str)  # Message
    another_asked = Signal(object)  # Message
    go_on_asked = Signal(object)  # Message
    compare_asked = Signal(
        object, object
    )  # Message, and the QPoint of the screen below which to offer models
    switch_asked = Signal(int)
    quote_asked = Signal(str)
    link_asked = Signal(str)
    editing = Signal(object)
    """MessageEditor: a message is changed in that one now."""

    def __init__(self) -> None:
        super().__init__()
        self.context_of: Callable[[Message], int | None] = lambda message: None
        """Tells the context length behind an answer, where that is known."""
        self.statistics_fold = StatisticsFold()
        self._samples = ActionSamples(self)
        self._messages: list[Message] = []
        self._first_shown = 0
        self._earlier = QTimer(self)
        self._earlier.setSingleShot(True)
        self._earlier.timeout.connect(self._keep_what_is_near)
        self._live: AnswerView | None = None
        self._is_busy = False
        self._sticks = True
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName(self.tr("Messages"))
        self._lay_out()
        self._to_end = icon_button("arrow-down", self.tr("Go to the end"), self.scroll_to_end)
        self._to_end.setProperty("role", "float")
        self._to_end.setParent(self)
        self._to_end.hide()
        QTimer.singleShot(LOAD_AFTER_MS, self, load_reader)
        self.verticalScrollBar().valueChanged.connect(self._moved)
        self.verticalScrollBar().rangeChanged.connect(self._range_changed)

    def _lay_out(self) -> None:
        self._rows = QVBoxLayout()
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(24)
        column = QWidget()
        theme.follow(column, lambda: column.setMaximumWidth(theme.px(WIDTH_PX)))
        inside = QVBoxLayout(column)
        inside.setContentsMargins(0, 24, 0, 24)
        inside.setSpacing(24)
        inside.addLayout(self._rows)
        inside.addStretch()
        self._across = QWidget()
        self._row = QHBoxLayout(self._across)
        self._row.setContentsMargins(SIDE_PX, 0, SIDE_PX, 0)
        self._row.addStretch(1)
        self._row.addWidget(column, 1000)
        self._row.addStretch(1)
        self.setWidget(self._across)

    # What is shown

    @property
    def live(self) -> AnswerView | None:
        """The answer that is being made."""
        return self._live

    def answers(self) -> list[AnswerView]:
        return [widget for widget in self._widgets() if isinstance(widget, AnswerView)]

    def prompts(self) -> list[PromptBubble]:
        return [widget for widget in self._widgets() if isinstance(widget, PromptBubble)]

    def views(self) -> list[AnswerView | PromptBubble]:
        """Those of messages, in order."""
        return [each for each in self._widgets() if isinstance(each, (AnswerView, PromptBubble))]

    def last_code(self) -> str | None:
        """The last piece of code in those answers."""
        found = (view.last_code() for view in reversed(self.answers()))
        return next((code for code in found if code is not None), None)

    def fault_card(self) -> FaultCard | None:
        return next((widget for widget in self._widgets() if isinstance(widget, FaultCard)), None)

    def ends_with(self, message_id: int | None) -> bool:
        """Whether that message is the last one, but for an answer that is being made."""
        return bool(self._messages) and self._messages[-1].id == message_id

    def show_messages(self, messages: Sequence[Message]) -> None:
        """Starts again with a conversation."""
        self.clear()
        self._messages = list(messages)
        self._first_shown = _first_to_show(self._messages)
        for number in range(self._first_shown, len(self._messages)):
            self._rows.addWidget(self._view_of(number))
        self._settle()
        self.scroll_to_end()

    def clear(self) -> None:
        for widget in self._widgets():
            self._remove(widget)
        self._messages, self._live, self._first_shown = [], None, 0

    def add_prompt(self, message: Message) -> None:
        self.drop_remarks()
        self._messages.append(message)
        self._rows.addWidget(self._view_of(len(self._messages) - 1))
        self._settle()
        self.scroll_to_end()

    def begin_answer(
        self, text: str = "", progress: Progress | None = None, *, reasoning: str = "", left_out: int = 0
    ) -> None:
        """An answer is being made; `text` of it is there, and `reasoning` before it. `left_out`: see `leave_out`. One
        that the last prompt has already gives way to it."""
        self.drop_remarks()
        while self._messages and self._messages[-1].role == "assistant":
            self._messages.pop()
            if len(self._messages) >= self._first_shown:
                self._remove(self._widgets()[-1])
        self._live = self._make_answer()
        self._rows.addWidget(self._live)
        self._live.show_progress(progress)
        self.leave_out(left_out)
        if reasoning:
            self._live.think(reasoning)
        if text:
            self._live.append(text)
        QTimer.singleShot(0, self._live, self._live.prepare)
        self._settle()
        self.scroll_to_end()

    def leave_out(self, messages: int) -> None:
        """The answer that is being made does without so many of the first messages."""
        if self._live is not None:
            is_new = messages != self._left_out_before(len(self._messages))
            self._live.show_left_out(messages if is_new else 0)

    def end_answer(self, message: Message | None) -> None:
        """It has ended; None: without a word."""
        live, self._live = self._live, None
        if live is None:
            return
        if message is None:
            self._remove(live)
            return
        self._messages.append(message)
        self._show_message(live, len(self._messages) - 1)
        self._settle()

    def show_fault(
        self, fault: EnvironmentFault, actions: Sequence[tuple[str, str, Callable[[], object]]]
    ) -> None:
        self.drop_remarks()
        self._rows.addWidget(FaultCard(fault, actions))
        self._settle()
        self.scroll_to_end()

    def show_unanswered(self, words: str) -> None:
        """The last prompt has no answer."""
        self.drop_remarks()
        self._rows.addWidget(UnansweredLine(words, self.again_asked.emit))
        self.scroll_to_end()

    def update_contexts(self) -> None:
        """What `context_of` tells has changed."""
        for view in self.answers():
            if view.message is not None:
                view.show_context(self.context_of(view.message))

    def drop_remarks(self) -> None:
        """Takes away what was said about an answer that is missing."""
        for widget in self._widgets():
            if isinstance(widget, (FaultCard, UnansweredLine)):
                self._remove(widget)

    def scroll_to_end(self) -> None:
        self._sticks = True
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    # What can be done with messages

    def set_busy(self, busy: bool) -> None:
        """Whether an answer is being made anywhere: then nothing that changes a conversation can be begun."""
        self._is_busy = busy
        for view in self.views():
            view.set_busy(busy)

    def edit(self, view: AnswerView | PromptBubble) -> None:
        message = view.message
        if message is not None:
            editor = MessageEditor(message)
            editor.done.connect(lambda text: self.edited.emit(message, text))
            view.edit_in(editor)
            self.editing.emit(editor)

    def keep_to(self, message_id: int | None) -> None:
        """Takes away what stands below that message; None: everything."""
        kept = [place for place, each in enumerate(self._messages) if each.id == message_id]
        count = kept[0] + 1 if kept else 0
        for widget in self._widgets()[max(count - self._first_shown, 0) :]:
            self._remove(widget)
        del self._messages[count:]
        self._first_shown = min(self._first_shown, count)

    # Keeping to the end

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_button()

    def _moved(self, value: int) -> None:
        self._sticks = value >= self.verticalScrollBar().maximum() - NEAR_END_PX
        self._offer_end()
        if not self._earlier.isActive():
            self._earlier.start(0)

    def _range_changed(self, least: int, most: int) -> None:
        # The middle stays where it is, also of what is below, when the scroll bar comes.
        bar_px = self.verticalScrollBar().sizeHint().width() if most > least else 0
        self._row.setContentsMargins(SIDE_PX, 0, SIDE_PX - bar_px, 0)
        if self._sticks:
            self.verticalScrollBar().setValue(most)
        self._offer_end()

    def _offer_end(self) -> None:
        views = self.views()
        if self._sticks and self._to_end.hasFocus() and views:
            views[
                -1
            ].prose.setFocus()  # else Qt gives the focus to the next part there is, and scrolls to that
        self._to_end.setVisible(not self._sticks)

    def _place_button(self) -> None:
        self._to_end.setFixedSize(36, 36)
        self._to_end.move((self.viewport().width() - 36) // 2, self.viewport().height() - 36 - 8)
        self._to_end.raise_()

    # Parts

    def _widgets(self) -> list[QWidget]:
        items = (self._rows.itemAt(number) for number in range(self._rows.count()))
        return [widget for item in items if item is not None and (widget := item.widget()) is not None]

    def _view_of(self, number: int) -> QWidget:
        message = self._messages[number]
        if message.role == "user":
            bubble = PromptBubble(message, self._samples, self._connect_buttons)
            bubble.set_busy(self._is_busy)
            return bubble
        view = self._make_answer()
        self._show_message(view, number)
        return view

    def _show_message(self, view: AnswerView, number: int) -> None:
        message = self._messages[number]
        view.show_message(message, self.context_of(message))
        if message.statistics is not None:  # without them, what was told while it came is all there is
            left_out = message.statistics.dropped_messages
            is_new = left_out != self._left_out_before(number)
            view.show_left_out(left_out if is_new else 0)

    def _left_out_before(self, number: int) -> int:
        """How many messages the answer before that one did without: what has been told need not be told again."""
        figures = (message.statistics for message in reversed(self._messages[:number]))
        return next((each.dropped_messages for each in figures if each is not None), 0)

    def _make_answer(self) -> AnswerView:
        view = AnswerView(self.statistics_fold, self._samples, self._connect_buttons)
        view.set_busy(self._is_busy)
        view.again_asked.connect(self.again_asked)
        view.link_asked.connect(self.link_asked)
        return view

    def _connect_buttons(self, view: AnswerView | PromptBubble, buttons: MessageActions) -> None:
        buttons.edit_asked.connect(lambda: self.edit(view))
        buttons.again_asked.connect(lambda: self.another_asked.emit(view.message))
        buttons.go_on_asked.connect(lambda: self.go_on_asked.emit(view.message))
        buttons.compare_asked.connect(lambda: self.compare_asked.emit(view.message, _below(buttons.compare)))
        buttons.switch_asked.connect(self.switch_asked)
        buttons.quote_asked.connect(lambda: self.quote_asked.emit(_words_to_quote(view)))

    def _settle(self) -> None:
        self._earlier.start(0)
        for view in self._widgets()[:-1]:
            if isinstance(view, AnswerView):
                view.forbid_again()

    def show_from(self, number: int) -> None:
        """Makes all messages from that one on, so that it can be gone to."""
        while self._first_shown > number:
            self._show_one_earlier()

    def go_to(self, message_id: int) -> None:
        """Scrolls to that message, if it is one of those here."""
        place = next((n for n, each in enumerate(self._messages) if each.id == message_id), None)
        if place is None:
            return
        self.show_from(place)
        view = self._widgets()[place - self._first_shown]
        self._sticks = False
        self.verticalScrollBar().setValue(view.mapTo(self._across, QPoint(0, 0)).y() - SIDE_PX)

    def _keep_what_is_near(self) -> None:
        """Makes one more of the messages above as long as the person is near the first one that is there; those far
        above go."""
        value, height = self.verticalScrollBar().value(), max(self.viewport().height(), 1)
        if self._first_shown > 0 and value < AHEAD * height:
            self._show_one_earlier()
            self._earlier.start(BETWEEN_MS)
        elif self._drop_above(round(value - KEPT_ABOVE * height)):
            self._earlier.start(BETWEEN_MS)

    def _show_one_earlier(self) -> None:
        self._first_shown -= 1
        view = self._view_of(self._first_shown)
        with self._staying():
            self._rows.insertWidget(0, view)
            view.show()  # else the layout counts it only after the next turn of the event loop
            if isinstance(view, AnswerView):
                view.forbid_again()

    def _drop_above(self, most_px: int) -> bool:
        """Whether messages that end above there have gone, which need not be all. What is in use stays, with what
        follows it, and so does the last prompt with its answer."""
        far = []
        until = time.perf_counter() + DROPPING_S
        for view in self.views()[:-2]:
            if view.geometry().bottom() > most_px or _is_in_use(view) or time.perf_counter() > until:
                break
            far.append(view)
        if not far:
            return False
        self._first_shown += len(far)
        with self._staying():
            for view in far:
                self._remove(view)
        return True

    @contextmanager
    def _staying(self) -> Iterator[None]:
        """What is being read stays where it is while something above it changes."""
        bar = self.verticalScrollBar()
        from_end, sticks = bar.maximum() - bar.value(), self._sticks
        yield
        for _ in range(LAYOUTS):
            QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
        if not sticks:
            bar.setValue(bar.maximum() - from_end)

    def _remove(self, widget: QWidget) -> None:
        self._rows.removeWidget(widget)
        widget.hide()
        widget.deleteLater()


def _is_in_use(view: AnswerView | PromptBubble) -> bool:
    """Whether the person has something marked in it, changes it, or is there with the keyboard."""
    focused = view.focusWidget()
    if focused is not None and focused.hasFocus():
        return True
    if view.findChild(MessageEditor) is not None:
        return True
    return any(prose.textCursor().hasSelection() for prose in view.findChildren(Prose))


def _below(part: QWidget) -> QPoint:
    return part.mapToGlobal(part.rect().bottomLeft())


def _words_to_quote(view: AnswerView | PromptBubble) -> str:
    selected = view.prose.textCursor().selectedText()
    return selected or (view.message.text if view.message is not None else "")


def _first_to_show(messages: Sequence[Message]) -> int:
    """The number of the first message that is made at once."""
    characters, number = 0, len(messages)
    while number > 0 and len(messages) - number < FIRST_MESSAGES and characters < FIRST_CHARACTERS:
        number -= 1
        characters += len(messages[number].text)
    return number
