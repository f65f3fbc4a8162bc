"""From the Compare page to the window that shows two models token by token."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QMenu

from app.compare.session import LeftFrom
from app.core.errors import EnvironmentFault, OtherVocabulary
from app.runtime.protocol import TokenDivergence
from app.ui.notice import Kind
from app.ui.pages.compare_divergence import DivergenceWindow
from app.ui.pages.compare_panes import Pane

if TYPE_CHECKING:
    from app.ui.pages.compare import ComparePage


class TokenByToken(QObject):
    """Against the pane with the most bits, which has lost the least; where there are several others, the person says
    which of them."""

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self.window: DivergenceWindow | None = None
        engine = page.engine
        engine.measuring.connect(self._progressed)
        engine.diverged.connect(self._show)
        engine.undiverged.connect(self._failed)
        engine.scored.connect(self._tell_by_characters)
        self._asked: tuple[int, int] | None = None

    def ask(self) -> None:
        panes = self._measurable()
        if self._page.running or len(panes) < 2:
            return
        reference, *others = sorted(panes, key=lambda pane: -pane.bits_per_weight)
        if len(others) == 1:
            self._measure(reference, others[0])
            return
        menu = QMenu(self._page)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for other in others:
            words = self.tr("{other} beside {reference}").format(other=other.name, reference=reference.name)
            menu.addAction(words.replace("&", "&&"), partial(self._measure, reference, other))
        under = self._page.strip.tokens_button
        menu.popup(under.mapToGlobal(under.rect().bottomLeft()))

    def drop(self) -> None:
        """What it shows is not the last answer any more."""
        window, self.window = self.window, None
        if window is not None:
            window.close()

    def _measurable(self) -> Sequence[Pane]:
        return [
            pane
            for pane in self._page.panes
            if pane.turn is not None and pane.turn.counts and pane.turn.passage is not None
        ]

    def _measure(self, reference: Pane, other: Pane) -> None:
        turn, panes = reference.turn, self._page.panes
        if turn is None or turn.passage is None or self._page.running:
            return
        known = self._page.sessions.divergence(panes.index(reference), panes.index(other))
        if known is not None:
            self._show(panes.index(reference), panes.index(other), known)
            return
        paths = [pane.entry.path for pane in panes if pane.entry is not None]
        sampling = self._page.composer.sampling
        self._page.engine.diverge(paths, sampling, turn.passage, panes.index(reference), panes.index(other))
        self._asked = panes.index(reference), panes.index(other)
        self._page.notices.clear()
        self._progressed(0, 1)

    def _progressed(self, done: int, total: int) -> None:
        self._page.show_measuring(done, total)

    def _show(self, reference: int, other: int, tokens: Sequence[TokenDivergence]) -> None:
        self.drop()
        panes = self._page.panes
        self.window = DivergenceWindow(panes[reference].name, panes[other].name, tokens, self._page)
        self.window.what_if.connect(partial(self._what_if, reference, other, [each.token for each in tokens]))
        self.window.finished.connect(self._closed)
        self.window.show()

    def _what_if(
        self, reference: int, other: int, written: Sequence[int], at: int, by_other: bool, token: int
    ) -> None:
        """Another answer in the pane of the model that goes on: what was written before token `at`, then that one or
        `token`."""
        left = self._page.panes[reference].turn
        if self._page.running or left is None:
            return
        begins = [*written[:at], written[at] if token < 0 else token]
        self._page.asking.branch(
            other if by_other else reference, begins, LeftFrom(answer=left.shown, token=at)
        )

    def _closed(self) -> None:
        self.window = None

    def _failed(self, fault: EnvironmentFault) -> None:
        asked, self._asked = self._asked, None
        turn = self._page.panes[asked[0]].turn if asked is not None else None
        if not isinstance(fault, OtherVocabulary) or asked is None or turn is None:
            self._page.notices.show_fault(fault)
            return
        paths = [pane.entry.path for pane in self._page.panes if pane.entry is not None]
        self._page.engine.score(paths, self._page.composer.sampling, turn.text, *asked)

    def _tell_by_characters(self, reference: int, other: int, perplexities: Sequence[float]) -> None:
        """What there is instead, and why."""
        names = [self._page.panes[index].name for index in (reference, other)]
        self._page.notices.show_message(
            Kind.INFO,
            self.tr(
                "These models write in different tokens, so they cannot be compared token by token. Perplexity per"
                " character of the answer of {reference}: {first} under it, {second} under {other}."
            ).format(
                reference=names[0],
                other=names[1],
                first=f"{perplexities[0]:.3f}",
                second=f"{perplexities[1]:.3f}",
            ),
            self.tr("The lower, the more a model expects that text. Line by line shows what differs."),
        )
