"""Quantizations being made: the menu that starts one, and the cards that show how far they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QProgressBar, QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl, Progress
from app.core.units import format_bytes, format_duration
from app.ui import jobs
from app.ui.pages.library_rows import Row
from app.ui.parts import ElidedLabel, Glyph, button, label, plain_tip, without_mnemonics

if TYPE_CHECKING:
    from app.convert import Quantization

USUAL = ("Q4_K_M", "Q8_0")
"""The types that get a line of their own: the most common one, and the one that loses almost nothing."""


def fill_make_menu(menu: QMenu, row: Row, start: Callable[[Row, str], object]) -> None:
    """Adds a line for each type `row` can be quantized to, or one that says why it cannot."""
    if not row.can_quantize:
        _add_explanation(menu, row)
        return
    from app.convert import QUANTIZATIONS

    by_name = {kind.name: kind for kind in QUANTIZATIONS}
    for name in USUAL:
        menu.addAction(_make_action(menu, row, by_name[name], start))
    others = menu.addMenu(_tr("Other types"))
    others.setToolTipsVisible(True)
    for kind in QUANTIZATIONS:
        if kind.name not in USUAL and kind.name != row.quantization:
            others.addAction(_make_action(others, row, kind, start))
    menu.setToolTipsVisible(True)


class MakingCard(QFrame):
    """One quantization on its way."""

    def __init__(self, row: Row, quantization: str, cancel: Callable[[], object]) -> None:
        super().__init__()
        self.row, self.quantization = row, quantization
        self.setProperty("role", "card")
        title = self.tr("Making {type} of {model}").format(type=quantization, model=row.title)
        self.setAccessibleName(title)
        self._stage = label(self.tr("Waits for the one before it"), "caption")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(title)
        self._bar.setRange(0, 1000)
        self._bar.hide()
        words = QVBoxLayout()
        words.setSpacing(6)
        words.addWidget(ElidedLabel(title, "strong"))
        words.addWidget(self._bar)
        words.addWidget(self._stage)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 10, 12, 10)
        layout.setSpacing(16)
        layout.addWidget(Glyph("arrows-in-simple", "accent", 24))
        layout.addLayout(words, 1)
        layout.addWidget(
            button(self.tr("Cancel"), cancel, tip=self.tr("Stop and remove what was written so far"))
        )

    @property
    def has_begun(self) -> bool:
        return self._bar.value() > 0

    def show_progress(self, progress: Progress) -> None:
        self._bar.show()
        if progress.stage and progress.stage in self.accessibleName():
            progress = replace(progress, stage="")  # the title says it already
        self._stage.setText(describe_progress(progress))
        if progress.fraction is None:
            self._bar.setRange(0, 0)  # Qt shows an endless bar
        else:
            self._bar.setRange(0, 1000)
            self._bar.setValue(round(progress.fraction * 1000))

    def show_cancelling(self) -> None:
        self._stage.setText(self.tr("Cancelling…"))


class Making(QWidget):
    """Makes one quantization after the other: two at once would only slow each other down."""

    made = Signal(object, str, object)  # Row, quantization, Path
    failed = Signal(object, str, object)  # Row, quantization, EnvironmentFault

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._cards: list[MakingCard] = []
        self._job: Job[Path] | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self.hide()

    @property
    def cards(self) -> tuple[MakingCard, ...]:
        """The first one runs, the others wait."""
        return tuple(self._cards)

    def start(self, row: Row, quantization: str) -> None:
        card = MakingCard(row, quantization, lambda: self.cancel(card))
        self._cards.append(card)
        self._column.addWidget(card)
        self.show()
        self._run_next()

    def cancel(self, card: MakingCard) -> None:
        if self._job is not None and card is self._cards[0]:
            card.show_cancelling()
            self._job.cancel()
        elif card in self._cards:
            self._drop(card)

    def _run_next(self) -> None:
        if self._job is not None or not self._cards:
            return
        card = self._cards[0]
        row, quantization, folder = card.row, card.quantization, self._folder

        def work(control: JobControl) -> Path:
            from app.convert import quantize

            return quantize(row.path, quantization, folder, control)

        def done(path: Path) -> None:
            self.made.emit(row, quantization, path)

        def failed(fault: EnvironmentFault) -> None:
            self.failed.emit(row, quantization, fault)

        self._job = jobs.run(
            self,
            f"Make {quantization} of {row.path.name}",
            work,
            on_progress=card.show_progress,
            on_done=done,
            on_failed=failed,
            on_end=lambda: self._ended(card),
        )

    def _ended(self, card: MakingCard) -> None:
        self._job = None
        self._drop(card)
        self._run_next()

    def _drop(self, card: MakingCard) -> None:
        self._cards.remove(card)
        card.hide()
        card.deleteLater()
        self.setVisible(bool(self._cards))


def describe_progress(progress: Progress) -> str:
    """`Quantizing · 8.2 MB of 14.7 MB · 3 s left`"""
    words = [progress.stage[:1].upper() + progress.stage[1:]]
    if progress.total > 0 and progress.unit == "bytes":
        words.append(
            _tr("{done} of {total}").format(
                done=format_bytes(round(progress.done)), total=format_bytes(round(progress.total))
            )
        )
    if progress.left_s is not None:
        words.append(_describe_time_left(progress.left_s))
    return " · ".join(filter(None, words))


def _describe_time_left(seconds: float) -> str:
    if seconds < 10:
        return _tr("a few seconds left")
    return _tr("{time} left").format(time=format_duration(math.ceil(seconds)))


def _make_action(menu: QMenu, row: Row, kind: Quantization, start: Callable[[Row, str], object]) -> QAction:
    size = _tr("about {size}").format(size=format_bytes(round(row.parameters * kind.bits_per_weight / 8)))
    action = QAction(f"{_tr('Make {type}').format(type=kind.name)}\t{size}", menu)
    tip = _tr("{summary} ({bits:.1f} bits per weight)").format(
        summary=kind.summary, bits=kind.bits_per_weight
    )
    if kind.needs_importance_matrix:
        tip = _tr("{tip}\nNeeds an importance matrix, which Nibble cannot make yet.").format(tip=tip)
        action.setEnabled(False)
    action.setToolTip(plain_tip(tip))
    action.triggered.connect(lambda: start(row, kind.name))
    return action


def _add_explanation(menu: QMenu, row: Row) -> None:
    text = row.why_no_chat
    if row.can_chat:
        text = _tr("{type} is quantized already: start from an F32, F16 or BF16 file").format(
            type=row.quantization
        )
    menu.addAction(without_mnemonics(text)).setEnabled(False)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
