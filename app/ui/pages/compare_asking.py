"""Prompts on their way to the models of the Compare page, and their answers on their way into the panes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from app.compare import PaneAnswer
from app.compare.answers import AskedWith
from app.compare.session import LeftFrom
from app.core.errors import EnvironmentFault
from app.runtime import ChatMessage, Sampling
from app.ui.pages.compare_pane_settings import difference_words
from app.ui.pages.compare_panes import Pane

if TYPE_CHECKING:
    from app.ui.pages.compare import ComparePage

FIGURES_EVERY_MS = 250


class Asking(QObject):
    """`sampling`: the shared settings that were asked with last."""

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self.sampling = Sampling()
        self._figures_timer = QTimer(self)
        self._figures_timer.setInterval(FIGURES_EVERY_MS)
        self._figures_timer.timeout.connect(page.deck.show_live_figures)

    def send(self, prompt: str) -> None:
        """Puts the prompt to all panes."""
        if self._page.running or not self._page.panes:
            return
        page, alone = self._page, self._page.composer.alone
        page.tokens.drop()
        page.notices.clear()
        page.clearing.forget()
        self.sampling = page.composer.sampling
        conversations = [pane.messages for pane in page.panes]
        asked = [index for index in range(len(page.panes)) if alone in (None, index)]
        for index, pane in enumerate(page.panes):
            turn = pane.add_turn(prompt)
            if index in asked:
                waits = (
                    page.planner.plan is not None and asked.index(index) >= page.planner.plan.panes_at_once
                )
                turn.show_waiting(its_turn=waits)
            elif alone is not None:
                turn.show_not_asked(page.panes[alone].badge.letter)
        page.composer.box.clear()
        self._ask(conversations, prompt, asked)
        page.sessions.asked()
        self._begin()

    def retry(self, pane: Pane) -> None:
        turn = pane.turn
        if turn is None or turn.under_way:
            return
        turn.begin_again()
        index = self._page.panes.index(pane)
        conversations = [each.messages_before_last for each in self._page.panes]
        self._ask(conversations, turn.prompt, [index])
        self._begin()

    def branch(self, index: int, begins: Sequence[int], left_from: LeftFrom) -> None:
        """Has the model of that pane give another answer to the last prompt, which begins with these tokens."""
        turn = self._page.panes[index].turn
        if turn is None or self._page.running:
            return
        turn.begin_branch(left_from)
        conversations = [each.messages_before_last for each in self._page.panes]
        self._ask(conversations, turn.prompt, [index], begins)
        self._begin()

    def other_version_shown(self) -> None:
        for pane in self._page.panes:
            pane.show_figures()
        self._page.show_outcome()
        self._page.sessions.write_last()

    def _ask(
        self,
        conversations: Sequence[Sequence[ChatMessage]],
        prompt: str,
        indexes: Sequence[int],
        begins: Sequence[int] = (),
    ) -> None:
        paths, chat = self._page.paths, self._page.from_chat
        samplings = {index: self._page.panes[index].settings.over(self.sampling) for index in indexes}
        conversations = list(conversations)
        for index, own in samplings.items():
            before = conversations[index]
            # A chat that goes on here has brought its own.
            has_system = bool(before) and before[0].role == "system"
            system = "" if has_system else self._page.composer.system_prompt
            if system:
                conversations[index] = [ChatMessage("system", system), *before]
            words = difference_words(own, self.sampling)
            self._page.turn(index).ask_with(AskedWith(own, system), words)
        self._page.engine.ask(
            paths, conversations, prompt, self.sampling, samplings, begins, chat.options, chat.when_full
        )

    def _begin(self) -> None:
        self._page.text.drop()
        self._figures_timer.start()
        for pane in self._page.panes:
            self._page.turn(self._page.panes.index(pane)).clear_marks()
            pane.show_figures()
        self._page.settle()

    def finished(self, index: int, answer: PaneAnswer) -> None:
        self._page.turn(index).finish(answer)
        self._page.panes[index].show_figures()
        self._page.show_progress()

    def refused(self, indexes: Sequence[int], fault: EnvironmentFault) -> None:
        if len(indexes) < len(self._page.panes):
            for index in indexes:
                self._page.turn(index).fail(fault)
            return
        # Nothing was asked, so nothing stays but the prompt.
        self._page.composer.set_prompt(self._page.turn(0).prompt)
        for pane in self._page.panes:
            pane.drop_last_turn()
        self._page.engine.close()
        self._page.notices.show_fault(fault)

    def ended(self, indexes: Sequence[int]) -> None:
        for index in indexes:
            turn = self._page.panes[index].turn
            if turn is not None and turn.under_way:
                turn.finish(PaneAnswer(self._page.paths[index], turn.text, None))
        self._page.settle()
        if self._page.running:
            return
        self._figures_timer.stop()
        self._page.show_outcome()
        self._page.setFocus()
        self._page.go_on_with_wanted()
