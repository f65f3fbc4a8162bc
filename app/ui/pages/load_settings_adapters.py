"""The LoRA adapters of a model: which, and how strong."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from app.runtime.protocol import Adapter
from app.ui.parts import ElidedLabel, button, empty, icon_button, label, plain_tip

STEPS = 20
"""Of the slider for a strength of 1."""
MOST = 2 * STEPS


class AdapterRows(QWidget):
    """`chosen` carries all adapters, as they are now."""

    chosen = Signal(tuple)

    def __init__(self, wheel: QObject) -> None:
        super().__init__()
        self._wheel = wheel
        self._adapters: tuple[Adapter, ...] = ()
        self._paths: tuple[bytes, ...] = ()
        self.sliders: list[QSlider] = []
        self._strengths: list[QLabel] = []
        self._rows = QVBoxLayout()
        self._rows.setSpacing(8)
        self.add = button(self.tr("Add an adapter"), self.pick, glyph="plus")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(
            label(
                self.tr(
                    "A LoRA adapter (a GGUF file made for this very model) changes how it writes. At 1 it works as it "
                    "was trained, at 0 not at all."
                ),
                "caption",
                wrap=True,
            )
        )
        column.addLayout(self._rows)
        column.addWidget(self.add, 0, Qt.AlignmentFlag.AlignLeft)

    def show_adapters(self, adapters: Sequence[Adapter]) -> None:
        """Nothing is told."""
        self._adapters = tuple(adapters)
        paths = tuple(each.path for each in adapters)
        if paths != self._paths:
            self._paths = paths
            self._make_rows()
        for adapter, slider in zip(adapters, self.sliders, strict=True):
            slider.blockSignals(True)
            slider.setValue(round(adapter.strength * STEPS))
            slider.blockSignals(False)
        self._show_strengths()

    def pick(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(
            self, self.tr("Add an adapter"), "", self.tr("LoRA adapters (*.gguf)")
        )
        self.add_files(Path(name) for name in names)

    def add_files(self, paths: Iterable[Path]) -> None:
        """Those that are not there yet."""
        added = dict.fromkeys(os.fsencode(path) for path in paths)
        new = [Adapter(path) for path in added if path not in self._paths]
        if new:
            self.chosen.emit((*self._adapters, *new))

    def _make_rows(self) -> None:
        empty(self._rows)
        self.sliders, self._strengths = [], []
        for index, adapter in enumerate(self._adapters):
            self._rows.addWidget(self._make_row(index, Path(os.fsdecode(adapter.path))))

    def _make_row(self, index: int, path: Path) -> QWidget:
        name = ElidedLabel(path.stem, "strong", Qt.TextElideMode.ElideMiddle)
        name.setToolTip(plain_tip(str(path)))
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, MOST)
        slider.setPageStep(STEPS // 4)
        slider.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        slider.installEventFilter(self._wheel)
        slider.valueChanged.connect(partial(self._change, index))
        slider.setAccessibleName(self.tr("Strength of {name}").format(name=path.stem))
        strength = label("", "muted")
        strength.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        strength.setMinimumWidth(40)
        self.sliders.append(slider)
        self._strengths.append(strength)
        row = QWidget()
        above = QHBoxLayout()
        above.addWidget(name, 1)
        above.addWidget(
            icon_button("x", self.tr("Without {name}").format(name=path.stem), partial(self._remove, index))
        )
        below = QHBoxLayout()
        below.addWidget(label(self.tr("Strength"), "muted"))
        below.addWidget(slider, 1)
        below.addWidget(strength)
        column = QVBoxLayout(row)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(above)
        column.addLayout(below)
        return row

    def _change(self, index: int, value: int) -> None:
        changed = Adapter(self._adapters[index].path, value / STEPS)
        self._adapters = (*self._adapters[:index], changed, *self._adapters[index + 1 :])
        self._show_strengths()
        self.chosen.emit(self._adapters)

    def _remove(self, index: int) -> None:
        self.chosen.emit((*self._adapters[:index], *self._adapters[index + 1 :]))

    def _show_strengths(self) -> None:
        for adapter, shown in zip(self._adapters, self._strengths, strict=True):
            shown.setText(f"{adapter.strength:.2f}")
