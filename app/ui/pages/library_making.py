"""Quantizations being made: the menu that starts one, and the cards that show how far they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QProgressBar, QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl, Progress
from app.core.units import format_bytes, format_count, format_duration
from app.ui.make_menu import fill_type_menu
from app.ui.make_order import MakeOrder
from app.ui.making import Checkpoint, made_of
from app.ui.pages.library_queue import CardQueue, Order
from app.ui.pages.library_rows import Row
from app.ui.parts import ElidedLabel, Glyph, button, without_mnemonics
from app.ui.services import Services


def fill_make_menu(
    menu: QMenu, row: Row, start: Callable[[Row, MakeOrder], object], more: Callable[[Row, str], object]
) -> None:
    """Adds a line for each type `row` can be quantized to, or one that says why it cannot. `more`: choose among all."""
    if not row.can_quantize:
        _add_explanation(menu, row)
        return
    from app.convert import QUANTIZATIONS

    bits = {kind.name: kind.bits_per_weight for kind in QUANTIZATIONS}
    # Of the built-in model as long as none of it is made, nothing is known.
    sizes = {name: round(row.parameters * each / 8) for name, each in bits.items()} if row.parameters else {}
    fill_type_menu(
        menu,
        sizes,
        (row.quantization,),
        lambda name: start(row, MakeOrder((name,))),
        lambda name: more(row, name),
    )


class ProgressLines(QWidget):
    """How far something is: a bar, and below it in words; `brief`: without the bytes, where there is little room."""

    def __init__(self, name: str, *, brief: bool = False) -> None:
        super().__init__()
        self._name = name
        self._brief = brief
        self._stage = ElidedLabel("", "caption")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(name)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._bar)
        column.addWidget(self._stage)

    @property
    def has_begun(self) -> bool:
        return self._bar.value() > 0

    def show_words(self, words: str) -> None:
        """Nothing can be told yet but this."""
        self._bar.hide()
        self._bar.reset()
        self._stage.setText(words)

    def show_progress(self, progress: Progress) -> None:
        self._bar.show()
        if progress.stage and progress.stage in self._name:
            progress = replace(progress, stage="")  # the title says it already
        self._stage.setText(describe_progress(replace(progress, unit="") if self._brief else progress))
        if progress.fraction is None:
            self._bar.setRange(0, 0)  # Qt shows an endless bar
        else:
            self._bar.setRange(0, 1000)
            self._bar.setValue(round(progress.fraction * 1000))

    def show_cancelling(self) -> None:
        self._stage.setText(self.tr("Cancelling…"))


class MakingCard(QFrame):
    """Something that is being made, or else done: `glyph` stands for it, `tip` says what cancelling does."""

    def __init__(
        self, title: str, cancel: Callable[[], object], *, glyph: str = "arrows-in-simple", tip: str = ""
    ) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.setAccessibleName(title)
        self.lines = ProgressLines(title)
        self.lines.show_words(self.tr("Waits for the one before it"))
        words = QVBoxLayout()
        words.setSpacing(6)
        words.addWidget(ElidedLabel(title, "strong"))
        words.addWidget(self.lines)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 10, 12, 10)
        layout.setSpacing(16)
        layout.addWidget(Glyph(glyph, "accent", 24))
        layout.addLayout(words, 1)
        tip = tip or self.tr("Stop and remove what was written so far")
        layout.addWidget(button(self.tr("Cancel"), cancel, tip=tip))


class Making(CardQueue):
    """Does one order after the other."""

    made = Signal(object, object, object)  # Row or Checkpoint, MakeOrder, list of Path
    failed = Signal(object, object, object)  # Row or Checkpoint, MakeOrder, EnvironmentFault

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services

    def start(self, source: Row | Checkpoint, order: MakeOrder) -> None:
        title = self.tr("Making {types} of {model}").format(types=order.words, model=source.title)
        card = MakingCard(title, lambda: self.cancel(card))
        folder = self._services.folder
        is_built_in = isinstance(source, Row) and source.built_in
        keeper = self._services.keeper if order.calibration.kind != "none" else None

        def work(control: JobControl) -> list[Path]:
            return made_of(source.path, order, folder, control, is_built_in=is_built_in, keeper=keeper)

        def done(paths: list[Path]) -> None:
            self.made.emit(source, order, paths)

        def failed(fault: EnvironmentFault) -> None:
            self.failed.emit(source, order, fault)

        self.add(Order(card, f"Make {order.words} of {source.path.name}", work, done, failed))


def describe_progress(progress: Progress) -> str:
    """`Quantizing · 8.2 MB of 14.7 MB · 4.1 MB/s · 3 s left`"""
    words = [progress.stage[:1].upper() + progress.stage[1:]]
    if progress.total > 0:
        words += _amount(progress)
    if progress.left_s is not None:
        words.append(_describe_time_left(progress.left_s))
    return " · ".join(filter(None, words))


def _amount(progress: Progress) -> list[str]:
    done, total, rate = round(progress.done), round(progress.total), progress.rate_per_s
    match progress.unit:
        case "bytes":
            words = [_tr("{done} of {total}").format(done=format_bytes(done), total=format_bytes(total))]
            return [*words, _tr("{size}/s").format(size=format_bytes(round(rate)))] if rate else words
        case "weights":
            told = _tr("{done} of {total} weights")
            return [told.format(done=format_count(done), total=format_count(total))]
        case "chunks":
            return [_tr("{done} of {total} parts of the text").format(done=done, total=total)]
        case _:
            return []


def _describe_time_left(seconds: float) -> str:
    if seconds < 10:
        return _tr("a few seconds left")
    return _tr("{time} left").format(time=format_duration(math.ceil(seconds)))


def _add_explanation(menu: QMenu, row: Row) -> None:
    text = row.why_no_chat
    if row.can_chat:
        text = _tr("{type} is quantized already: start from an F32, F16 or BF16 file").format(
            type=row.quantization
        )
    menu.addAction(without_mnemonics(text)).setEnabled(False)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
