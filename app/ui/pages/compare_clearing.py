"""What is on the Compare page gives way to something else, and can be brought back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.library import LibraryEntry
from app.runtime import Sampling
from app.ui.notice import Action, Kind
from app.ui.pages.compare_parts import Kept

if TYPE_CHECKING:
    from app.ui.pages.compare import ComparePage


class Clearing(QObject):
    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self._kept: Kept | None = None

    def begin_restoring(self, models: Sequence[LibraryEntry]) -> None:
        """Makes place for the turns of an earlier session with these models, which may be gone."""
        self.forget()
        for pane in self._page.panes:
            for turn in pane.take_turns():
                turn.deleteLater()
        self._page.notices.clear()
        self._page.from_chat.put(None)
        self._page.set_models(models)

    def end_restoring(self, sampling: Sampling) -> None:
        self._page.composer.show_sampling(sampling)
        self._page.asking.sampling = sampling
        self._page.show_filled()
        self._page.show_outcome()

    def clear(self, sentence: str) -> None:
        self._page.sessions.leave()
        self._page.text.drop()
        if not any(pane.turns for pane in self._page.panes):
            return
        self.forget()
        first_prompt = next(pane.turns[0].prompt for pane in self._page.panes if pane.turns)
        asked = [(pane.asked, pane) for pane in self._page.panes]
        self._kept = Kept(
            tuple((entry, pane.take_turns()) for entry, pane in asked if entry is not None),
            self._page.from_chat.begun,
        )
        if not self._page.composer.box.toPlainText().strip():
            self._page.composer.set_prompt(first_prompt)
        self._page.notices.show_message(
            Kind.INFO, sentence, "", Action(self.tr("Bring the answers back"), self.bring_back)
        )

    def bring_back(self) -> None:
        kept, self._kept = self._kept, None
        if kept is None or self._page.running:
            return
        if kept.models != self._page.models:
            self._page.set_models(kept.models)
        self._page.from_chat.put(kept.begun)
        for pane, (_, turns) in zip(self._page.panes, kept.panes, strict=True):
            pane.put_turns(turns)
        self._page.composer.box.clear()
        self._page.settle()
        self._page.show_outcome()

    def forget(self) -> None:
        if self._kept is not None:
            self._kept.delete()
            self._kept = None
