"""One prompt with its answer in a pane, from waiting to the last word or to what went wrong."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.compare import PaneAnswer, Passage
from app.compare.answers import AskedWith, Timing
from app.compare.session import LeftFrom
from app.core.errors import EnvironmentFault
from app.runtime import ChatMessage, GenerationStatistics
from app.ui.fault_card import FaultCard
from app.ui.pages.compare_answer import AnswerView
from app.ui.pages.compare_versions import VersionSwitch
from app.ui.parts import icon_button, label, plain_tip

LONGEST_PROMPT_SHOWN = 240


class TurnState(Enum):
    WAITING = "waiting"
    LOADING = "loading"
    READING = "reading"
    ANSWERING = "answering"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    NOT_ASKED = "not asked"
    """Another pane was asked alone."""


UNDER_WAY = (TurnState.WAITING, TurnState.LOADING, TurnState.READING, TurnState.ANSWERING)


@dataclass(frozen=True)
class Version:
    """One of the answers to a prompt. `left_from`: where it left another one ("what if"); `asked_with`: its settings,
    and `settings_note` in what they were not those of all panes."""

    answer: PaneAnswer
    left_from: LeftFrom | None = None
    asked_with: AskedWith | None = None
    settings_note: str = ""


class Turn(QWidget):
    """`retry_asked`: the person wants this prompt answered after all. `grew`: there is more to see. `link_asked`: an
    address in the answer was clicked. `chat_asked`: the conversation is to go on behind this answer, in Chat."""

    retry_asked = Signal()
    stop_asked = Signal()
    """This answer is to end; those of other panes go on."""
    version_shown = Signal()
    """Another of several answers is shown."""
    grew = Signal()
    link_asked = Signal(str)
    chat_asked = Signal()

    def __init__(self, prompt: str) -> None:
        super().__init__()
        self.prompt = prompt
        self.state = TurnState.WAITING
        self.statistics: GenerationStatistics | None = None
        self.passage: Passage | None = None
        self.timing: Timing | None = None
        self.fault: EnvironmentFault | None = None
        self.versions: list[Version] = []
        self.shown = 0
        self._left_from: LeftFrom | None = None
        self.asked_with: AskedWith | None = None
        self.alone = False
        """Whether this was asked in a conversation of its own, as prompts of a list are."""
        self._message: ChatMessage | None = None
        self.fault_card: FaultCard | None = None
        self.tokens = 0
        self._first_delta_at: tuple[float, int] | None = None
        self.answer = AnswerView(self.tr("Answer"))
        self.answer.link_asked.connect(self.link_asked)
        self._lay_out()
        self.show_waiting()

    @property
    def text(self) -> str:
        return self.answer.text

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def was_asked(self) -> bool:
        """Not where the prompt went to another pane alone."""
        return self.state is not TurnState.NOT_ASKED

    @property
    def counts(self) -> bool:
        """Whether there is an answer to compare with others."""
        return self.state in (TurnState.DONE, TurnState.STOPPED) and self.statistics is not None

    @property
    def messages(self) -> list[ChatMessage]:
        """What the model is told of this turn in the next one."""
        if self.alone or not self.was_asked:
            return []
        said = [ChatMessage("user", self.prompt)]
        if self.text and self.state is not TurnState.FAILED:
            said.append(self._message or ChatMessage("assistant", self.text))
        return said

    @property
    def live_tokens_per_s(self) -> float | None:
        """The speed as it looks from here while the answer streams."""
        if self._first_delta_at is None:
            return None
        since, tokens = self._first_delta_at
        elapsed = time.monotonic() - since
        return (self.tokens - tokens) / elapsed if elapsed > 0.3 and self.tokens > tokens else None

    def clear_marks(self) -> None:
        """While some answer still comes, there is nothing to say of differences."""
        self.answer.mark_difference(None)
        self.note_difference("")

    def begin_branch(self, left_from: LeftFrom) -> None:
        """Another answer comes, which leaves an earlier one at a token; that one stays."""
        self._left_from = left_from
        self._empty()

    def begin_again(self) -> None:
        """Forgets the answer or the fault, for another try."""
        self.versions = self.versions[: self.shown] + self.versions[self.shown + 1 :]
        self._left_from = None
        self._empty()

    def show_version(self, number: int) -> None:
        """One of several answers, counted from 0."""
        self.shown = number
        version = self.versions[number]
        self._left_from = version.left_from
        self.ask_with(version.asked_with, version.settings_note)
        self._drop_card()
        self._show_answer(version.answer)
        self.version_shown.emit()

    def _empty(self) -> None:
        self.answer.set_text("")
        self.clear_marks()
        self.statistics, self.passage, self.tokens, self._first_delta_at = None, None, 0, None
        self._message, self.timing, self.fault = None, None, None
        self._drop_card()
        self.show_waiting()

    def show_waiting(self, its_turn: bool = False) -> None:
        """`its_turn`: other panes go first."""
        words = self.tr("Waiting for its turn…") if its_turn else self.tr("Starting…")
        self._enter(TurnState.WAITING, words)

    def show_not_asked(self, letter: str) -> None:
        """The prompt went to that pane alone."""
        self._enter(TurnState.NOT_ASKED, self.tr("{letter} was asked alone").format(letter=letter))

    @property
    def settings_note(self) -> str:
        return self._settings.text()

    def ask_with(self, asked_with: AskedWith | None, words: str) -> None:
        """With what the answer is made that comes; `words` where that is not what all panes have."""
        self.asked_with = asked_with
        self._settings.setText(words)
        self._settings.setVisible(bool(words))

    def show_loading(self, fraction: float) -> None:
        self._enter(TurnState.LOADING, self.tr("Loading the model…"), fraction)

    def show_reading(self, done: int, total: int) -> None:
        self._enter(TurnState.READING, self.tr("Reading the prompt…"), done / total if total else 0.0)

    def add_text(self, text: str, tokens: int) -> None:
        self.tokens = tokens
        if self._first_delta_at is None:
            self._first_delta_at = (time.monotonic(), tokens)
        if self.state is not TurnState.ANSWERING:
            self._enter(TurnState.ANSWERING, "")
        self.answer.append_text(text)
        self.answer.show()
        self.grew.emit()

    def finish(self, answer: PaneAnswer, left_from: LeftFrom | None = None) -> None:
        """`left_from`: where a kept answer had left another one."""
        self.versions.append(
            Version(answer, left_from or self._left_from, self.asked_with, self.settings_note)
        )
        self._left_from = self.versions[-1].left_from
        self.shown = len(self.versions) - 1
        self._show_answer(answer)

    def _show_answer(self, answer: PaneAnswer) -> None:
        self.statistics, self.passage, self.fault = answer.statistics, answer.passage, None
        self.timing = answer.timing
        self.answer.set_text(answer.text)
        self.answer.setVisible(bool(answer.text))
        if answer.statistics is not None:
            self.tokens = answer.statistics.tokens
        if answer.fault is not None:
            self._fail(answer.fault, answer.path.parent if answer.path.name else None)
            return
        reason = answer.statistics.finish_reason if answer.statistics else "cancelled"
        state = TurnState.STOPPED if reason == "cancelled" else TurnState.DONE
        words = (self._left_out_words(), self._ending(reason, bool(answer.text)))
        self._enter(state, "\n".join(filter(None, words)))

    def fail(self, fault: EnvironmentFault) -> None:
        """Before anything was loaded, say."""
        self.finish(PaneAnswer(Path(), "", None, fault))

    def pass_by(self) -> None:
        """The conversation has gone on: this prompt is not tried again."""
        if self.fault_card is not None:
            self.fault_card.buttons[0].hide()

    def note_difference(self, words: str) -> None:
        """Beside the state, in few words."""
        self._difference.setText(words)
        self._difference.setVisible(bool(words))
        self._settle_end()

    def _lay_out(self) -> None:
        shown = self.prompt.strip()
        if len(shown) > LONGEST_PROMPT_SHOWN:
            shown = shown[:LONGEST_PROMPT_SHOWN].rstrip() + "…"
        words = label(shown, wrap=True)
        words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        inside = QVBoxLayout()
        inside.setContentsMargins(12, 8, 12, 8)
        inside.addWidget(words)
        bubble = QFrame()
        bubble.setProperty("role", "prompt")
        bubble.setLayout(inside)
        bubble.setToolTip(plain_tip(self.prompt) if shown != self.prompt.strip() else "")
        bubble.setAccessibleName(self.tr("Prompt: {prompt}").format(prompt=shown))
        self._status = label("", "caption")
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._difference = label("", "caption")
        self._difference.hide()
        self._settings = label("", "caption", wrap=True)
        self._settings.hide()
        self._versions = VersionSwitch(lambda step: self.show_version(self.shown + step))
        self._copy = icon_button("copy", self.tr("Copy this answer"), self._copy_answer)
        self._copy.setFixedSize(28, 28)
        self.go_on = icon_button(
            "chat-circle",
            self.tr("Go on in Chat"),
            self.chat_asked.emit,
            tip=self.tr("Go on from this answer in a new chat with this model"),
        )
        self.go_on.setFixedSize(28, 28)
        self.stop = icon_button("stop", self.tr("Stop this answer"), self.stop_asked.emit)
        self.stop.setFixedSize(28, 28)
        end = QHBoxLayout()
        end.setSpacing(8)
        words_below = QVBoxLayout()
        words_below.setSpacing(2)
        words_below.addWidget(self._status)
        words_below.addWidget(self._difference)
        words_below.addWidget(self._settings)
        end.addLayout(words_below, 1)
        end.addWidget(self._versions, 0, Qt.AlignmentFlag.AlignTop)
        end.addWidget(self.go_on, 0, Qt.AlignmentFlag.AlignTop)
        end.addWidget(self.stop, 0, Qt.AlignmentFlag.AlignTop)
        end.addWidget(self._copy, 0, Qt.AlignmentFlag.AlignTop)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._column.addWidget(bubble)
        self._column.addWidget(self.answer)
        self._column.addLayout(end)
        self._column.addWidget(self._bar)
        self.answer.hide()
        for each in (self._status, self._difference):
            each.setWordWrap(True)
            each.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def _enter(self, state: TurnState, words: str, fraction: float | None = None) -> None:
        self.state = state
        self._status.setText(words)
        self._status.setVisible(bool(words))
        self._bar.setVisible(fraction is not None)
        self._bar.setValue(round((fraction or 0.0) * 1000))
        self._bar.setAccessibleName(words)
        if self.under_way:
            self._difference.hide()
        self._settle_end()
        self.grew.emit()

    def _settle_end(self) -> None:
        self.stop.setVisible(self.under_way)
        for each in (self.go_on, self._copy):
            each.setVisible(not self.under_way and bool(self.text))
        if self.state is TurnState.FAILED:
            self.go_on.hide()  # what has arrived of it is not told in the next turn
        self._versions.show_place(self.shown, 0 if self.under_way else len(self.versions))

    def _ending(self, reason: str, has_text: bool) -> str:
        branch = self._branch_words()
        if branch and reason not in ("cancelled", "length", "context"):
            return branch
        if reason == "cancelled":
            return self.tr("Stopped") if has_text else self.tr("Stopped before the first word")
        if not has_text:
            return self.tr("The model ended without a word.")
        if reason == "length":
            return self.tr("Cut off at the limit of {n} tokens").format(n=f"{self.tokens:,}")
        if reason == "context":
            return self.tr("Cut off: the context is full")
        return ""

    def _left_out_words(self) -> str:
        """Where a chat is gone on with that leaves out its oldest turns."""
        dropped = self.statistics.dropped_messages if self.statistics is not None else 0
        return (
            self.tr("Without the first {n} messages: the context is full").format(n=dropped)
            if dropped
            else ""
        )

    def _branch_words(self) -> str:
        if self._left_from is None:
            return ""
        return self.tr("What if: another way from token {n} on").format(n=f"{self._left_from.token + 1:,}")

    def _fail(self, fault: EnvironmentFault, folder: Path | None = None) -> None:
        self._drop_card()
        self.fault = fault
        again = (self.tr("Try again"), "", self.retry_asked.emit)
        self.fault_card = FaultCard(fault, [again], folder, margin_px=12)
        self._column.addWidget(self.fault_card)
        self._enter(TurnState.FAILED, self.tr("Cut off here") if self.text else "")

    def _drop_card(self) -> None:
        if self.fault_card is not None:
            self.fault_card.hide()
            self.fault_card.deleteLater()
            self.fault_card = None

    def _copy_answer(self) -> None:
        QGuiApplication.clipboard().setText(self.text)
