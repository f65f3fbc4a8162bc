"""Quantizations being made: the menu that starts one, and the cards that show how far they are."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QProgressBar, QVBoxLayout, QWidget

import resources
from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl, Progress
from app.core.units import format_bytes, format_duration
from app.storage import DataFolder
from app.ui.make_menu import fill_type_menu
from app.ui.pages.library_queue import CardQueue, Order
from app.ui.pages.library_rows import Row
from app.ui.parts import ElidedLabel, Glyph, button, without_mnemonics


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint's folder, of which models are made."""

    title: str
    path: Path


def fill_make_menu(menu: QMenu, row: Row, start: Callable[[Row, str], object]) -> None:
    """Adds a line for each type `row` can be quantized to, or one that says why it cannot."""
    if not row.can_quantize:
        _add_explanation(menu, row)
        return
    from app.convert import QUANTIZATIONS

    sizes = {kind.name: round(row.parameters * kind.bits_per_weight / 8) for kind in QUANTIZATIONS}
    fill_type_menu(menu, sizes, (row.quantization,), lambda name: start(row, name))


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
    """Makes one quantization after the other."""

    made = Signal(object, str, object)  # Row or Checkpoint, quantization, Path
    failed = Signal(object, str, object)  # Row or Checkpoint, quantization, EnvironmentFault

    def __init__(self, folder: DataFolder) -> None:
        super().__init__()
        self._folder = folder

    def start(self, source: Row | Checkpoint, quantization: str) -> None:
        title = self.tr("Making {type} of {model}").format(type=quantization, model=source.title)
        card = MakingCard(title, lambda: self.cancel(card))
        folder = self._folder

        def work(control: JobControl) -> Path:
            return make(source, quantization, folder, control)

        def done(path: Path) -> None:
            self.made.emit(source, quantization, path)

        def failed(fault: EnvironmentFault) -> None:
            self.failed.emit(source, quantization, fault)

        self.add(Order(card, f"Make {quantization} of {source.path.name}", work, done, failed))


def make(source: Row | Checkpoint, quantization: str, folder: DataFolder, control: JobControl) -> Path:
    """For a job: `source` in that quantization, in the data folder; what is made of a checkpoint goes beside it."""
    began = time.monotonic()
    made, of = _made(source, quantization, folder, control)
    from app.convert.made import remember_making

    with suppress(EnvironmentFault):  # an addition: the model is there without it
        remember_making(folder.database, made, of, took_s=time.monotonic() - began)
    return made


def _made(
    source: Row | Checkpoint, quantization: str, folder: DataFolder, control: JobControl
) -> tuple[Path, Path]:
    """With what it was made of."""
    if isinstance(source, Checkpoint):
        from app.convert import make_from_checkpoint

        return make_from_checkpoint(source.path, [quantization], source.path, control)[0], source.path
    if source.built_in:
        from app.guide import make_guide

        return make_guide(folder, [quantization], control)[0], resources.guide_checkpoint()
    from app.convert import quantize

    return quantize(source.path, quantization, folder.models, control), source.path


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


def _add_explanation(menu: QMenu, row: Row) -> None:
    text = row.why_no_chat
    if row.can_chat:
        text = _tr("{type} is quantized already: start from an F32, F16 or BF16 file").format(
            type=row.quantization
        )
    menu.addAction(without_mnemonics(text)).setEnabled(False)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
