"""One choice for loading in a row: its field, what it does, what is recommended, and the way back to that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from app.ui.pages.load_settings_options import Names, Number, Option
from app.ui.parts import icon_button, label

if TYPE_CHECKING:
    from app.recommend.outlook import Outlook

FIELD_PX = 152


class OptionRow(QWidget):
    """`chosen` carries the value, or None for as recommended."""

    chosen = Signal(object)

    def __init__(self, option: Option, wheel: QObject) -> None:
        super().__init__()
        self.option = option
        self._field = self._make_field(option.kind)
        self._field.setFixedWidth(FIELD_PX)
        self._field.setAccessibleName(option.title)
        self._field.setAccessibleDescription(option.explanation)
        self._field.setToolTip(option.explanation)
        self._field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._field.installEventFilter(wheel)
        name = label(option.title)
        name.setBuddy(self._field)
        self._explanation = label("", "caption", wrap=True)
        self.reset = icon_button(
            "arrow-counter-clockwise",
            self.tr("{name}: back to what is recommended").format(name=option.title),
            lambda: self.chosen.emit(None),
        )
        # Its place is kept, so that nothing moves when it comes.
        policy = self.reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(policy)
        above = QHBoxLayout()
        above.setSpacing(4)
        above.addWidget(name, 1)
        above.addWidget(self._field)
        above.addWidget(self.reset)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(above)
        column.addWidget(self._explanation)

    @property
    def field(self) -> QSpinBox | QComboBox:
        return self._field

    def show_value(self, value: object, outlook: Outlook) -> None:
        """`value` None: as recommended. Nothing is told."""
        self.setVisible(self.option.shown(outlook))
        recommended = self.option.recommended(outlook)
        shown = recommended if value is None else value
        self._field.blockSignals(True)
        if isinstance(self._field, QSpinBox) and isinstance(self.option.kind, Number):
            self._field.setRange(self.option.kind.least, self.option.kind.most(outlook))
            self._field.setValue(_number(shown, self._field.maximum()))
        elif isinstance(self._field, QComboBox):
            self._field.setCurrentIndex(max(self._field.findData(shown), 0))
        self._field.blockSignals(False)
        words = self._words_of(recommended) + self.option.why(outlook)
        told = self.tr("Recommended: {what}.").format(what=words)
        self._explanation.setText(f"{self.option.explanation} {told}")
        self.reset.setVisible(value is not None)

    def _make_field(self, kind: Number | Names) -> QSpinBox | QComboBox:
        if isinstance(kind, Names):
            combo = QComboBox()
            for value, name in kind.values:
                combo.addItem(name, value)
            combo.currentIndexChanged.connect(lambda index: self.chosen.emit(combo.itemData(index)))
            return combo
        spin = QSpinBox()
        spin.setSingleStep(kind.step)
        spin.setGroupSeparatorShown(True)
        spin.setAlignment(Qt.AlignmentFlag.AlignRight)
        spin.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        spin.setKeyboardTracking(False)
        spin.valueChanged.connect(self.chosen.emit)
        return spin

    def _words_of(self, value: object) -> str:
        if isinstance(self.option.kind, Names):
            return next((name for each, name in self.option.kind.values if each == value), str(value))
        return f"{value:,}"


def _number(value: object, most: int) -> int:
    """Layers below zero are all."""
    number = value if isinstance(value, int) else 0
    return most if number < 0 else number
