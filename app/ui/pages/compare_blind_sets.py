"""A list of prompts as a row that is ticked to take it into a blind test."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QEnterEvent, QFocusEvent
from PySide6.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout

from app.compare.prompt_sets import PromptSet
from app.ui.parts import icon_button, label, plain_tip

IN_THE_BOX = ""
"""The name of the set of the one prompt that was typed."""


class _Choice(QCheckBox):
    focused = Signal()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focused.emit()


class SetRow(QFrame):
    """A list of prompts that can be taken into the test. `pointed`: the person wants to see what is in it."""

    toggled = Signal()
    pointed = Signal()
    removed = Signal()

    def __init__(self, prompts: PromptSet, *, is_own: bool = False) -> None:
        super().__init__()
        self.prompts = prompts
        self.setProperty("role", "card")
        self.box = _Choice(prompts.title.replace("&", "&&"))
        self.box.focused.connect(self.pointed)
        self.box.setToolTip(plain_tip(prompts.title))
        self.box.toggled.connect(self._toggled)
        self.box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        n = len(prompts.prompts)
        count = label(self.tr("1 prompt") if n == 1 else self.tr("{n} prompts").format(n=n), "caption")
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.box, 1)
        top.addWidget(count)
        if is_own:
            remove = icon_button("x", self.tr("Remove this list"), self.removed.emit)
            remove.setFixedSize(28, 28)
            top.addWidget(remove)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 8)
        column.setSpacing(2)
        column.addLayout(top)
        if prompts.about:
            about = label(prompts.about, "caption", wrap=True)
            about.setContentsMargins(26, 0, 0, 0)
            column.addWidget(about)

    @property
    def is_chosen(self) -> bool:
        return self.box.isChecked()

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.pointed.emit()

    def _toggled(self) -> None:
        self.pointed.emit()
        self.toggled.emit()
