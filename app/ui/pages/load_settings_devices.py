"""Which of several graphics cards a model uses, and in what parts."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QAbstractSpinBox, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from app.hardware import Accelerator
from app.ui.parts import ElidedLabel, empty, icon_button, label

MOST = 100


class DeviceRows(QWidget):
    """Nothing where there is but one card. `chosen` carries names of devices, as the runtime has them, and their parts;
    both empty: as recommended."""

    chosen = Signal(tuple, tuple)

    def __init__(self, wheel: QObject) -> None:
        super().__init__()
        self._wheel = wheel
        self.parts: list[QSpinBox] = []
        self._names: tuple[str, ...] = ()
        self._rows = QVBoxLayout()
        self._rows.setSpacing(4)
        self.reset = icon_button(
            "arrow-counter-clockwise",
            self.tr("Cards: back to what is recommended"),
            lambda: self.chosen.emit((), ()),
        )
        above = QHBoxLayout()
        above.addWidget(label(self.tr("Parts of the cards")), 1)
        above.addWidget(self.reset)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(above)
        column.addLayout(self._rows)
        column.addWidget(
            label(
                self.tr(
                    "How the layers are shared out: 2 and 1 give the first card twice as many, and a card with 0 is "
                    "left alone. Without a choice each gets as many as its free memory holds."
                ),
                "caption",
                wrap=True,
            )
        )
        self.hide()

    def show_devices(
        self,
        accelerators: Sequence[Accelerator],
        names: Sequence[str],
        devices: Sequence[str],
        split: Sequence[float],
    ) -> None:
        """`names`: what the runtime calls `accelerators`. `devices`, `split`: what was chosen. Nothing is told."""
        self.setVisible(len(accelerators) > 1)
        if self._names != tuple(names):
            self._make_rows(accelerators, names)
        shares = dict(zip(devices, split or [1.0] * len(devices), strict=False))
        for name, part in zip(self._names, self.parts, strict=True):
            part.blockSignals(True)
            part.setValue(round(shares.get(name, 0.0 if devices else 1.0)))
            part.blockSignals(False)
        self.reset.setVisible(bool(devices))

    def _make_rows(self, accelerators: Sequence[Accelerator], names: Sequence[str]) -> None:
        empty(self._rows)
        self._names, self.parts = tuple(names), []
        for accelerator, name in zip(accelerators, names, strict=True):
            part = QSpinBox()
            part.setRange(0, MOST)
            part.setFixedWidth(64)
            part.setAlignment(Qt.AlignmentFlag.AlignRight)
            part.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
            part.setKeyboardTracking(False)
            part.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            part.setAccessibleName(self.tr("Part of {name}").format(name=f"{accelerator.name} ({name})"))
            part.installEventFilter(self._wheel)
            part.valueChanged.connect(self._tell)
            self.parts.append(part)
            row = QWidget()
            across = QHBoxLayout(row)
            across.setContentsMargins(12, 0, 0, 0)
            across.addWidget(ElidedLabel(f"{accelerator.name} ({name})", "muted"), 1)
            across.addWidget(part)
            self._rows.addWidget(row)

    def _tell(self) -> None:
        used = [
            (name, part.value()) for name, part in zip(self._names, self.parts, strict=True) if part.value()
        ]
        if used:
            self.chosen.emit(tuple(name for name, _ in used), tuple(float(part) for _, part in used))
