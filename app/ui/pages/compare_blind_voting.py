"""The blind test while the person votes: a prompt, its answers without names, and what can be said of them.

Nothing here may tell which model is which: answers come whole and all at once, and neither names nor figures do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QAction
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.compare.ballot import Ballot, PromptState
from app.compare.votes import Vote
from app.core.errors import EnvironmentFault
from app.ui.actions import add_action
from app.ui.notice import Action, Kind, NoticeArea
from app.ui.pages.compare_blind_answers import AnswersArea, Shown
from app.ui.pages.compare_blind_parts import PromptBox, StatePlate, VoteBar
from app.ui.pages.compare_blind_words import LETTERS, end_words, reasons, same_words
from app.ui.parts import button, icon_button, label
from app.ui.state_stack import StateStack


class Voting(QWidget):
    """`voted`: votes have changed, and are to be kept. `stop_asked`, `go_on_asked`: the models that answer.
    `reveal_asked`: no more votes, the person wants to know; `leave_asked`: later. `details_asked`: of a fault.
    `others_asked`: another test, of other prompts."""

    voted = Signal()
    stop_asked = Signal()
    go_on_asked = Signal()
    reveal_asked = Signal()
    leave_asked = Signal()
    others_asked = Signal()
    details_asked = Signal(object)
    link_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.ballot: Ballot | None = None
        self.number = 0
        self.running = False
        self._at_end = False
        self._waits = False
        self._said: list[int] = []
        self._fault: EnvironmentFault | None = None
        self.notices = NoticeArea()
        self._make_head()
        self.prompt = PromptBox()
        self.answers = AnswersArea()
        self.answers.grid.link_asked.connect(self.link_asked)
        self.plate = StatePlate()
        self.body = StateStack()
        self.body.addWidget(self.answers)
        self.body.addWidget(self.plate)
        self.note = label("", "muted", wrap=True)
        self.bar = VoteBar()
        self.keys = label("", "caption", wrap=True)
        self.keys.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.bar.voted.connect(self.vote_at)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(self._head)
        column.addWidget(self.notices)
        column.addWidget(self.prompt)
        column.addWidget(self.body, 1)
        column.addWidget(self.note)
        column.addWidget(self.bar)
        column.addWidget(self.keys)
        self._make_actions()
        self.setFocusProxy(self.answers)

    # What is voted on

    def open(self, ballot: Ballot) -> None:
        self.ballot, self._fault, self._at_end = ballot, None, False
        self._said = []
        self.bar.set_panes(ballot.panes)
        words = self.tr(
            "Keys: {letters}, T tie, N none is good, S skip, arrows to turn pages, Ctrl+Z takes a vote back"
        )
        self.keys.setText(words.format(letters=", ".join(LETTERS[: ballot.panes])))
        first = ballot.next_open(-1)
        waiting = ballot.next_waiting(-1)
        self.number = first if first is not None else waiting if waiting is not None else 0
        self._at_end = first is None and waiting is None
        self.refresh()

    def refresh(self) -> None:
        """Shows how it stands; answers have come, say."""
        ballot = self.ballot
        if ballot is None:
            return
        if not self._at_end:
            self._leave_what_needs_no_vote(ballot)
        self._show(ballot)

    def set_running(self, running: bool) -> None:
        self.running = running
        if running:
            self._fault = None
        self.refresh()

    def show_failure(self, fault: EnvironmentFault) -> None:
        """A model has stopped answering. Which one is told when the person asks: it does not tell whose answers are
        whose, since each prompt has an order of its own."""
        self._fault = fault
        self.notices.show_message(
            Kind.WARNING,
            self.tr("A model has stopped answering."),
            self.tr("Your votes and all answers so far are kept."),
            Action(self.tr("Try again"), self.go_on_asked.emit),
        )
        self.refresh()

    # Voting

    def vote_at(self, said: object) -> None:
        """`said`: a place (from 0), or a vote for none of them."""
        ballot = self.ballot
        if ballot is None or self._at_end or ballot.state(self.number) is not PromptState.READY:
            return
        if isinstance(said, int):
            if said >= ballot.panes:
                return
            vote: Vote = ballot.order(self.number)[said]
        else:
            vote = said  # type: ignore[assignment]
        ballot.vote(self.number, vote)
        self._said.append(self.number)
        self.voted.emit()
        self._go_on(ballot)

    def take_back(self) -> None:
        """The last vote; its prompt is shown again."""
        ballot = self.ballot
        if ballot is None or not self._said:
            return
        self.number, self._at_end = self._said.pop(), False
        ballot.take_back(self.number)
        self.voted.emit()
        self.refresh()

    def turn_page(self, step: int) -> None:
        """To the prompt before or behind, voted on or not; behind the last one is the end."""
        ballot = self.ballot
        if ballot is None:
            return
        if self._at_end:
            if step < 0:
                self._at_end = False
        elif self.number + step >= len(ballot):
            self._at_end = True
        else:
            self.number = max(self.number + step, 0)
        self._show(ballot)

    def finish(self) -> None:
        """The person has voted enough; asked once more, since nothing can be changed afterwards."""
        if self.ballot is not None:
            if self._at_end:
                self.reveal_asked.emit()
                return
            self._at_end = True
            self.refresh()

    # Showing

    def _show(self, ballot: Ballot) -> None:
        had_focus = self.isAncestorOf(self.window().focusWidget())
        self._show_head(ballot)
        if self._at_end:
            self._show_end(ballot)
        else:
            self._show_prompt(ballot)
        holder = self.window().focusWidget()
        if had_focus and not (self.isAncestorOf(holder) and holder.isVisible()):
            # What had the focus is hidden: without it, keys would not vote any more.
            (self.plate if self.body.currentWidget() is self.plate else self.answers).setFocus()

    def _go_on(self, ballot: Ballot) -> None:
        following = ballot.next_open(self.number)
        if following is None:
            following = ballot.next_waiting(self.number)
        self._at_end = following is None
        self.number = self.number if following is None else following
        self.refresh()
        if not self._at_end:
            words = self.tr("Prompt {number} of {n}").format(number=self.number + 1, n=len(ballot))
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))

    def _leave_what_needs_no_vote(self, ballot: Ballot) -> None:
        """A prompt that is waited for, while there are others to vote on, or one that cannot be voted on."""
        state = ballot.state(self.number)
        # A tie that nobody was asked about is passed by where it was waited for, not where the person went back to it.
        if state is PromptState.READY and (not self._waits or ballot.vote_of(self.number) is None):
            return
        following = ballot.next_open(self.number)
        if following is None and state is not PromptState.WAITING:
            following = ballot.next_waiting(self.number)
        if following is not None:
            self.number = following
        elif state is not PromptState.WAITING:
            self._at_end = True

    def _show_head(self, ballot: Ballot) -> None:
        # Answers and not prompts: where models take turns, the first one answers all before any prompt is ready.
        total = len(ballot) * ballot.panes
        known = total - sum(len(ballot.missing(number)) for number in range(len(ballot)))
        self._place.setText(
            self.tr("{n} prompts").format(n=len(ballot))
            if self._at_end
            else self.tr("Prompt {number} of {n}").format(number=self.number + 1, n=len(ballot))
        )
        self._count.setText(self.tr("{n} voted").format(n=ballot.voted))
        self._progress.setRange(0, total)
        self._progress.setValue(known)
        all_there = known == total
        self._progress.setVisible(not all_there)
        words = self.tr("{done} of {n} answers").format(done=known, n=total)
        self._answered.setText("" if all_there else words)
        self._progress.setAccessibleName(words)
        self.stop.setVisible(self.running)
        self.again.setVisible(not self.running and not all_there)
        self.before.setEnabled(self._at_end or self.number > 0)
        self.after.setEnabled(not self._at_end)
        self.done.setEnabled(ballot.voted > 0)

    def _show_prompt(self, ballot: Ballot) -> None:
        state = ballot.state(self.number)
        self.prompt.show()
        self.prompt.show_prompt(ballot.turns[self.number].prompt)
        self._waits = state is PromptState.WAITING
        self.bar.setVisible(state is PromptState.READY)
        self.keys.setVisible(state is PromptState.READY)
        self.note.setVisible(False)
        if state is PromptState.LEFT_OUT:
            self._show_left_out(ballot)
        elif state is PromptState.WAITING:
            self._show_waiting()
        else:
            self._show_answers(ballot)

    def _show_answers(self, ballot: Ballot) -> None:
        vote, place = ballot.vote_of(self.number), ballot.place_of(self.number)
        self.bar.show_vote(place if place is not None else vote)
        shown = []
        for index, answer in enumerate(ballot.answers(self.number)):
            assert answer is not None, "an answer is ready"
            note = self.tr("Cut off at the limit") if answer.finish_reason in ("length", "context") else ""
            shown.append(Shown(LETTERS[index], answer.text, note, index == place))
        self.answers.show_answers(shown)
        words = same_words(ballot, self.number)
        self.note.setText(words)
        self.note.setVisible(bool(words))
        self.body.show_state(self.answers)

    def _show_waiting(self) -> None:
        steps: list[tuple[str, str, Callable[[], object]]] = []
        if self._fault is not None:
            title = self.tr("A model has stopped answering")
            words = self.tr("Your votes and all answers so far are kept. Try again asks for what is missing.")
            steps = [
                (self.tr("Try again"), "arrow-clockwise", self.go_on_asked.emit),
                (self.tr("Which one, and why"), "", self._tell_fault),
            ]
        elif self.running:
            title = self.tr("The models are answering")
            words = self.tr("The answers to this prompt are shown together, once all of them are there.")
        else:
            title = self.tr("Stopped")
            words = self.tr("This prompt has no answers yet.")
            steps = [(self.tr("Go on"), "play", self.go_on_asked.emit)]
        if self.ballot is not None and self.ballot.voted:
            steps.append((self.tr("Finish here"), "", self.finish))
        self.plate.show_words(title, words, steps, is_busy=self.running)
        self.body.show_state(self.plate)

    def _tell_fault(self) -> None:
        if self._fault is not None:
            self.details_asked.emit(self._fault)

    def _show_left_out(self, ballot: Ballot) -> None:
        title = self.tr("Left out: a model cannot answer this prompt")
        self.plate.show_words(title, "\n".join(reasons(ballot, self.number)), [])
        self.body.show_state(self.plate)

    def _show_end(self, ballot: Ballot) -> None:
        self.prompt.hide()
        self.note.hide()
        self.bar.hide()
        self.keys.hide()
        n, voted = len(ballot), ballot.voted
        if ballot.count(PromptState.LEFT_OUT) == n:
            title = self.tr("No prompt could be answered by all models")
            again = (self.tr("Choose other prompts"), "", self.others_asked.emit)
            self.plate.show_words(title, "\n".join(reasons(ballot, 0)), [again])
            self.body.show_state(self.plate)
            return
        steps: list[tuple[str, str, Callable[[], object]]] = []
        if voted:
            steps.append((self.tr("Show which is which"), "eye", self.reveal_asked.emit))
        steps.append((self.tr("Back to the prompts"), "", partial(self.turn_page, -1)))
        title = self.tr("You have voted on {voted} of {n} prompts").format(voted=voted, n=n)
        self.plate.show_words(title, end_words(ballot), steps, primary=bool(voted))
        self.body.show_state(self.plate)

    # Building

    def _make_head(self) -> None:
        leave = icon_button(
            "arrow-left",
            self.tr("Back to Compare"),
            self.leave_asked.emit,
            tip=self.tr("Back to Compare; the test is kept, and you can go on later"),
        )
        self._place = label("", "strong")
        self.before = icon_button(
            "caret-left", self.tr("The prompt before (Left)"), partial(self.turn_page, -1)
        )
        self.after = icon_button(
            "caret-right", self.tr("The next prompt (Right)"), partial(self.turn_page, 1)
        )
        self._count = label("", "muted")
        self._progress = QProgressBar()
        self._progress.setTextVisible(False)
        self._progress.setFixedWidth(64)
        self._answered = label("", "caption")
        self.stop = icon_button(
            "stop",
            self.tr("Stop the models (Esc)"),
            self.stop_asked.emit,
            tip=self.tr("Stop the models (Esc)"),
        )
        self.again = icon_button("play", self.tr("Let the models go on"), self.go_on_asked.emit)
        self.done = button(
            self.tr("Finish"),
            self.finish,
            tip=self.tr("End the test with the votes so far (Ctrl+Return)"),
        )
        self._head = QHBoxLayout()
        self._head.setSpacing(8)
        self._head.addWidget(leave)
        self._head.addWidget(label(self.tr("Blind test"), "title"))
        self._head.addSpacing(8)
        for each in (self.before, self._place, self.after, self._count):
            self._head.addWidget(each)
        self._head.addStretch()
        for part in (self._progress, self._answered, self.stop, self.again, self.done):
            self._head.addWidget(part)

    def _make_actions(self) -> None:
        deeds: list[tuple[str, Callable[[], object]]] = [
            *(
                (f"blind-{letter.lower()}", partial(self.vote_at, place))
                for place, letter in enumerate(LETTERS)
            ),
            ("blind-tie", partial(self.vote_at, "tie")),
            ("blind-bad", partial(self.vote_at, "both bad")),
            ("blind-skip", partial(self.vote_at, "skipped")),
            ("blind-before", partial(self.turn_page, -1)),
            ("blind-after", partial(self.turn_page, 1)),
            ("blind-undo", self.take_back),
            ("blind-leave", self.stop_asked.emit),
            ("blind-finish", self.finish),
        ]
        self.deeds: list[QAction] = [add_action(self, name, run) for name, run in deeds]
