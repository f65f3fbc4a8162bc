"""Which of several graphics cards a model uses: the main one, and how it is shared out."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.hardware import Accelerator
from app.ui.computer import short_name
from app.ui.parts import ElidedLabel, empty, icon_button, label, plain_tip

MOST = 100
FIELD_PX = 176


class DeviceRows(QWidget):
    """Nothing where there is but one card. `chosen` carries names of devices, as the runtime has them, the main one
    first, and their parts; without parts they share by free memory, and without names all is as recommended."""

    chosen = Signal(tuple, tuple)

    def __init__(self, wheel: QObject) -> None:
        super().__init__()
        self._wheel = wheel
        self._names: tuple[str, ...] = ()
        self._has_parts = False
        self.parts: list[QSpinBox] = []
        self.main = self._make_combo(self.tr("Main card"))
        self.sharing = self._make_combo(self.tr("Shared out"))
        self.sharing.setFixedWidth(FIELD_PX)
        self.sharing.addItem(self.tr("By layers"), False)
        self.sharing.addItem(self.tr("Main card alone"), True)
        self.main.currentIndexChanged.connect(lambda: self._tell(with_parts=self._has_parts))
        self.sharing.currentIndexChanged.connect(lambda: self._tell(with_parts=self._has_parts))
        self._rows = QVBoxLayout()
        self._rows.setSpacing(4)
        self.reset = icon_button(
            "arrow-counter-clockwise",
            self.tr("Cards: back to what is recommended"),
            lambda: self.chosen.emit((), ()),
        )
        self._parts = QWidget()
        self._lay_out()
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
        self._has_parts = bool(split)
        used = [name for name in devices if name in self._names]
        shares = dict(zip(devices, split or [1.0] * len(devices), strict=False))
        _set_quietly(self.main, self._names.index(used[0]) if used else 0)
        _set_quietly(self.sharing, int(len(used) == 1))
        self._parts.setVisible(len(used) != 1)
        for name, part in zip(self._names, self.parts, strict=True):
            part.blockSignals(True)
            part.setValue(round(shares.get(name, 0.0 if devices else 1.0)))
            part.blockSignals(False)
        self.reset.setVisible(bool(devices))

    def _tell(self, *, with_parts: bool) -> None:
        main = self._names[self.main.currentIndex()]
        if self.sharing.currentData():
            self.chosen.emit((main,), ())
            return
        parts = {name: part.value() for name, part in zip(self._names, self.parts, strict=True)}
        if sum(part > 0 for part in parts.values()) < 2 and not with_parts:
            parts = dict.fromkeys(self._names, 1)  # it was alone, and is to share again
        used = sorted((name for name in self._names if parts[name]), key=lambda name: name != main)
        if with_parts:
            if used:
                self.chosen.emit(tuple(used), tuple(float(parts[name]) for name in used))
        elif used == list(self._names):
            self.chosen.emit((), ())
        else:
            self.chosen.emit(tuple(used), ())

    def _make_rows(self, accelerators: Sequence[Accelerator], names: Sequence[str]) -> None:
        empty(self._rows)
        self._names, self.parts = tuple(names), []
        self.main.blockSignals(True)
        self.main.clear()
        for accelerator, name in zip(accelerators, names, strict=True):
            # What tells two of one kind apart comes first: the rest may be cut.
            title = f"{name} · {short_name(accelerator.name)}"
            self.main.addItem(title)
            self.main.setItemData(self.main.count() - 1, plain_tip(title), Qt.ItemDataRole.ToolTipRole)
            part = self._make_part(title)
            self.parts.append(part)
            row = QWidget()
            across = QHBoxLayout(row)
            across.setContentsMargins(12, 0, 0, 0)
            across.addWidget(ElidedLabel(title, "muted"), 1)
            across.addWidget(part)
            self._rows.addWidget(row)
        self.main.blockSignals(False)

    def _make_part(self, title: str) -> QSpinBox:
        part = QSpinBox()
        part.setRange(0, MOST)
        part.setFixedWidth(64)
        part.setAlignment(Qt.AlignmentFlag.AlignRight)
        part.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        part.setKeyboardTracking(False)
        part.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        part.setAccessibleName(self.tr("Part of {name}").format(name=title))
        part.installEventFilter(self._wheel)
        part.valueChanged.connect(lambda: self._tell(with_parts=True))
        return part

    def _make_combo(self, name: str) -> QComboBox:
        made = QComboBox()
        made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        made.setAccessibleName(name)
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        made.installEventFilter(self._wheel)
        return made

    def _lay_out(self) -> None:
        main_words = self.tr("It has the first layers, and reads prompts with what stays in main memory.")
        sharing_words = self.tr(
            "By layers, each card has some of them and their context; alone, the main card has all that is not in main "
            "memory."
        )
        self.sharing.setToolTip(self.tr("By rows (split mode row) is nothing that this llama.cpp can do"))
        parts_words = self.tr(
            "2 and 1 give the first card twice as many layers, and a card with 0 is left alone. Without a choice each "
            "gets as many as its free memory holds."
        )
        policy = self.reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(policy)
        above = QHBoxLayout()
        above.addWidget(self._name_of(self.main), 1)
        above.addWidget(self.reset)
        sharing = QHBoxLayout()
        sharing.addWidget(self._name_of(self.sharing), 1)
        sharing.addWidget(self.sharing)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(above)
        column.addWidget(self.main)  # in a line of its own, since its values are long
        column.addWidget(label(main_words, "caption", wrap=True))
        column.addSpacing(10)
        column.addLayout(sharing)
        column.addWidget(label(sharing_words, "caption", wrap=True))
        column.addWidget(self._parts)
        below = QVBoxLayout(self._parts)
        below.setContentsMargins(0, 10, 0, 0)
        below.setSpacing(2)
        below.addWidget(label(self.tr("Parts of the cards")))
        below.addLayout(self._rows)
        below.addWidget(label(parts_words, "caption", wrap=True))

    def _name_of(self, field: QComboBox) -> QLabel:
        name = label(field.accessibleName())
        name.setBuddy(field)
        return name


def _set_quietly(field: QComboBox, index: int) -> None:
    field.blockSignals(True)
    field.setCurrentIndex(index)
    field.blockSignals(False)
