"""A conversation of Chat goes on in Compare: every pane knows what was said in it, and has its settings. The way
back is `_go_on_in_chat`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.runtime import Sampling, TemplateOptions
from app.runtime.model import NO_OPTIONS
from app.runtime.protocol import WhenFull
from app.ui.notice import Action, Kind
from app.ui.pages.compare_earlier import Begun, EarlierView

if TYPE_CHECKING:  # with it comes Chat
    from app.compare.from_chat import Opening
    from app.ui.pages.compare import ComparePage
    from app.ui.pages.compare_panes import Pane
    from app.ui.pages.compare_turn import Turn


class FromChat(QObject):
    """Of the page: which conversation goes on there, if any."""

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self._asked: Opening | None = None
        self.begun: Begun | None = None
        page.deck.chat_asked.connect(self._go_on_in_chat)

    @property
    def is_asked(self) -> bool:
        """Whether one is to go on as soon as its models are known."""
        return self._asked is not None

    @property
    def options(self) -> TemplateOptions:
        """What the templates are told in every pane."""
        return self.begun.opening.options if self.begun is not None else NO_OPTIONS

    @property
    def when_full(self) -> WhenFull:
        return self.begun.opening.when_full if self.begun is not None else "stop"

    def ask(self, opening: Opening, other: Path) -> None:
        """Puts the chat's model and another one side by side, with all that was said in it."""
        self._page.compare_models([opening.model_path, other])
        self._asked = opening

    def drop_asked(self) -> None:
        """Something else is wanted, or its model is gone."""
        self._asked = None

    def begin(self) -> None:
        """Its models are on the page. The next prompt goes on behind the last answer; where there is none, the last
        prompt is typed in."""
        opening, self._asked = self._asked, None
        if opening is None:
            return
        page = self._page
        page.composer.show_sampling(opening.sampling)
        self.put(Begun(opening, with_answer=opening.answer is not None))
        page.composer.set_prompt("" if opening.answer is not None else opening.prompt)
        page.composer.box.setFocus()
        if opening.answer is not None:
            page.notices.show_message(
                Kind.INFO,
                self.tr("The chat goes on here in every pane, with its settings."),
                "",
                Action(self.tr("Ask its last prompt again"), self._ask_again),
            )

    def put(self, begun: Begun | None) -> None:
        """Shows in every pane what was said before; None: nothing was, and the usual settings apply."""
        if begun is None and self.begun is not None:
            composer = self._page.composer
            usual = Sampling(
                temperature=composer.temperature.value(),
                seed=composer.seed.value(),
                max_tokens=composer.max_tokens.value(),
            )
            composer.show_sampling(usual)
        self.begun = begun
        for pane in self._page.panes:
            if begun is None:
                pane.put_earlier((), None)
            else:
                pane.put_earlier(begun.messages, EarlierView(begun.opening.title, begun.messages))

    def follow(self) -> None:
        """Panes that have come know it, too."""
        if self.begun is not None and any(not pane.earlier for pane in self._page.panes):
            self.put(self.begun)

    def _go_on_in_chat(self, pane: Pane, turn: Turn) -> None:
        """The way back: what that pane has said up to there becomes a chat of its own."""
        from app.compare.to_chat import Taken, Writer

        entry, begun = pane.asked, self.begun
        if entry is None:
            return
        taken = Taken(
            entry.path,
            Writer(entry.plain_title, entry.quantization),
            pane.messages_to(turn),
            self._page.sampling,
            len(pane.earlier),
            Writer(begun.opening.model_path.stem) if begun is not None else None,
            turn.statistics,
            self.options,
            self.when_full,
        )
        self._page.chat_requested.emit(taken)

    def _ask_again(self) -> None:
        begun = self.begun
        if begun is not None and not self._page.running:
            self.put(Begun(begun.opening, with_answer=False))
            self._page.send(begun.opening.prompt)
