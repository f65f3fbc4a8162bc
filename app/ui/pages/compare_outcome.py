"""Shows in the panes what came out: where the last answers part, and which figures are the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QCoreApplication

from app.ui.pages.compare_figures import best_fields
from app.ui.pages.compare_panes import Pane
from app.ui.pages.compare_turn import Turn
from app.ui.pages.compare_verdict import CUT_OFF, Said, Verdict, judge


def show_outcome(panes: Sequence[Pane]) -> Verdict | None:
    """None where nothing was asked."""
    turns = [(pane, pane.turn) for pane in panes if pane.turn is not None]
    if not turns:
        return None
    counted = [(pane, turn) for pane, turn in turns if turn.counts]
    # Against the one with the most bits, which has lost the least.
    counted.sort(key=lambda each: -each[0].bits_per_weight)
    verdict = judge([Said(pane.badge.letter, turn.text, _is_cut_off(turn)) for pane, turn in counted])
    asked = [pane for pane, turn in turns if turn.was_asked]
    if len(asked) == 1 < len(turns):
        alone = QCoreApplication.translate("Compare", "{letter} was asked alone.")
        verdict = replace(verdict, sentence=alone.format(letter=asked[0].badge.letter))
    for pane, turn in turns:
        turn.answer.mark_difference(verdict.marks.get(pane.badge.letter))
        turn.note_difference(verdict.notes.get(pane.badge.letter, ""))
    best = best_fields([pane.current_figures if turn.counts else None for pane, turn in turns])
    for (pane, _), fields in zip(turns, best, strict=True):
        pane.show_figures(fields)
    return verdict


def _is_cut_off(turn: Turn) -> bool:
    return turn.statistics is None or turn.statistics.finish_reason in CUT_OFF
