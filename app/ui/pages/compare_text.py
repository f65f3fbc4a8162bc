"""What differs in the answers, word by word: marked in the panes, and line by line in a view of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.compare.alignment import Effort, Stretch, align, differences
from app.compare.rows import Row, rows_of
from app.core.jobs import JobControl
from app.ui.latest import Latest
from app.ui.pages.compare_lines import LinesView
from app.ui.pages.compare_panes import Pane

if TYPE_CHECKING:
    from app.ui.pages.compare import ComparePage

Spans = list[tuple[int, int]]


class TextComparison(QObject):
    """Against the pane with the most bits, which has lost the least, as the verdict is."""

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self._latest = Latest(self)
        self._at = -1
        self.lines = LinesView()
        self.lines.hide()
        strip = page.strip
        strip.jump_asked.connect(self.jump)
        strip.lines_button.toggled.connect(self._show_lines)

    def compare(self) -> None:
        """The last answers, once all are there."""
        self._at = -1
        panes = self._counted()
        answers = [pane.turn.text for pane in panes if pane.turn is not None]
        self._page.strip.lines_button.setEnabled(len(set(answers)) > 1)
        if len(set(answers)) < 2:
            self.drop()
            return

        def work(control: JobControl) -> tuple[list[Spans], list[Row], bool]:
            effort = Effort()
            aligned = [align(answers[0], other, effort) for other in answers[1:]]
            return _marks(answers, aligned), rows_of(answers, aligned), effort.is_spent

        self._latest.ask(
            "Compare the answers",
            work,
            on_done=lambda found: self._show(panes, *found),
            on_failed=self._page.notices.show_fault,
        )

    def drop(self) -> None:
        """What it shows is not the last answer any more."""
        self._latest.drop()
        self._page.strip.lines_button.setChecked(False)

    def jump(self, step: int) -> None:
        """To the next place that differs, or the one before, and round again."""
        most = max(
            (pane.turn.answer.differences for pane in self._page.panes if pane.turn is not None), default=0
        )
        if self._page.strip.lines_button.isChecked():
            self.lines.jump(step)
        elif most:
            before_first = self._at < 0 and step < 0
            self._at = most - 1 if before_first else (self._at + step) % most
            self._page.deck.show_difference(self._at)
            self._page.strip.show_place(self._at, most)

    def _counted(self) -> list[Pane]:
        panes = [pane for pane in self._page.panes if pane.turn is not None and pane.turn.counts]
        return sorted(panes, key=lambda pane: -pane.bits_per_weight)

    def _show(
        self, panes: Sequence[Pane], marks: Sequence[Spans], rows: Sequence[Row], is_coarse: bool
    ) -> None:
        for pane, spans in zip(panes, marks, strict=True):
            if pane.turn is not None and pane.turn.answer.difference is not None:
                pane.turn.answer.mark_difference(pane.turn.answer.difference, spans)
        order = sorted(range(len(panes)), key=lambda number: self._page.panes.index(panes[number]))
        self.lines.show_rows([panes[number].name for number in order], rows, order, is_coarse=is_coarse)
        self._page.strip.show_count(max(map(len, marks)))

    def _show_lines(self, shown: bool) -> None:
        self.lines.setVisible(shown)
        self._page.deck.setVisible(not shown)
        if shown:
            self.lines.text.setFocus()


def _marks(answers: Sequence[str], aligned: Sequence[Sequence[Stretch]]) -> list[Spans]:
    """Of each answer the words that differ; of the first one those that differ from any other."""
    first: set[tuple[int, int]] = set()
    others: list[Spans] = []
    for other, stretches in zip(answers[1:], aligned, strict=True):
        first.update(differences(stretches, 0, answers[0]))
        others.append(differences(stretches, 1, other))
    return [sorted(first), *others]
