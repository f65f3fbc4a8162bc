"""Which of several answers to a prompt is shown, and the way to the others."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.ui.parts import icon_button, label


class VersionSwitch(QWidget):
    def __init__(self, step: Callable[[int], object]) -> None:
        super().__init__()
        self.before = icon_button("caret-left", self.tr("The answer before"), lambda: step(-1))
        self.after = icon_button("caret-right", self.tr("The next answer"), lambda: step(1))
        self._words = label("", "caption")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for each in (self.before, self._words, self.after):
            row.addWidget(each)
        for each in (self.before, self.after):
            each.setFixedSize(28, 28)

    def show_place(self, number: int, count: int) -> None:
        """Nothing where there is but one."""
        self.setVisible(count > 1)
        self._words.setText(self.tr("{n} of {count}").format(n=number + 1, count=count))
        self.before.setEnabled(number > 0)
        self.after.setEnabled(number < count - 1)
