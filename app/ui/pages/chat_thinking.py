"""The part of the chat's settings about thinking, for models whose template lets one choose."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.gguf import ThinkingControls
from app.runtime import TemplateOptions
from app.ui.parts import label
from app.ui.wheel import WheelGuard

BELOW_PX = 16


class ThinkingSettings(QWidget):
    """Tells changes at once; hidden where there is nothing to choose."""

    changed = Signal(object)  # TemplateOptions

    def __init__(self) -> None:
        super().__init__()
        self._options = TemplateOptions()
        self.switch = _choice(
            _tr("Thinking"),
            _tr(
                "Whether the model thinks before it answers: it takes longer and often knows better. "
                "Automatic: as the model does by itself."
            ),
        )
        for text, thinking in (
            (_tr("Automatic"), None),
            (_tr("On"), True),
            (_tr("Off"), False),
        ):
            self.switch.addItem(text, thinking)
        self.effort = _choice(
            _tr("Effort"),
            _tr(
                "How long the model thinks: more effort takes more tokens before the answer. "
                "Automatic: as the model does by itself."
            ),
        )
        self._wheel = WheelGuard(self)
        for field in (self.switch, self.effort):
            field.installEventFilter(self._wheel)
        self.switch.activated.connect(lambda: self._change(thinking=self.switch.currentData()))
        self.effort.activated.connect(lambda: self._change(reasoning_effort=self.effort.currentData()))
        self._rows = QGridLayout()
        self._rows.setHorizontalSpacing(12)
        self._rows.setVerticalSpacing(8)
        self._rows.setColumnStretch(1, 1)
        self._switch_name = self._add_row(_tr("Think first"), self.switch)
        self._effort_name = self._add_row(_tr("Effort"), self.effort)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, BELOW_PX)
        column.setSpacing(8)
        column.addWidget(label(_tr("Thinking"), "heading"))
        column.addLayout(self._rows)
        self.show_controls(None)

    @property
    def options(self) -> TemplateOptions:
        return self._options

    def show_options(self, options: TemplateOptions) -> None:
        """Those of a conversation; nothing is told."""
        self._options = options
        self._settle()

    def show_controls(self, controls: ThinkingControls | None) -> None:
        """What the chosen model's template knows; None: nothing. What was chosen stays, also for another model."""
        known = controls or ThinkingControls()
        self.effort.clear()
        self.effort.addItem(_tr("Automatic"), "")
        for effort in known.efforts:
            self.effort.addItem(_words(effort), effort)
        for part in (self.switch, self._switch_name):
            part.setVisible(known.switch)
        for part in (self.effort, self._effort_name):
            part.setVisible(bool(known.efforts))
        self.setVisible(controls is not None)
        self._settle()

    def _change(self, **changes: object) -> None:
        self._options = msgspec.structs.replace(self._options, **changes)
        self.changed.emit(self._options)

    def _settle(self) -> None:
        _select(self.switch, self._options.thinking)
        _select(self.effort, self._options.reasoning_effort)

    def _add_row(self, title: str, field: QComboBox) -> QLabel:
        name = label(title)
        name.setBuddy(field)
        name.setToolTip(field.toolTip())
        row = self._rows.rowCount()
        self._rows.addWidget(name, row, 0)
        self._rows.addWidget(field, row, 1)
        return name


def _choice(name: str, explanation: str) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(name)
    made.setAccessibleDescription(explanation)
    made.setToolTip(explanation)
    made.setMinimumWidth(64)  # a long word is shortened before the drawer gets wider
    made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return made


def _select(field: QComboBox, value: object) -> None:
    """The first item where none has the value."""
    items = [field.itemData(index) for index in range(field.count())]
    field.setCurrentIndex(items.index(value) if value in items else 0)


def _words(effort: str) -> str:
    words = {
        "none": _tr("None"),
        "no_think": _tr("None"),
        "minimal": _tr("Minimal"),
        "low": _tr("Low"),
        "medium": _tr("Medium"),
        "high": _tr("High"),
        "max": _tr("Highest"),
    }
    return words.get(effort, effort)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatPage", text)
