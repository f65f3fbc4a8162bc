"""Facts in a few words, side by side in as many columns as there is room for."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from app.ui import theme
from app.ui.parts import ElidedLabel, empty, plain_tip


@dataclass(frozen=True)
class Told:
    """A fact: its name, what it is, and more words for the tooltip."""

    name: str
    value: str
    tip: str


class Facts(QWidget):
    """Names above values, side by side in as many columns as there is room for."""

    def __init__(self) -> None:
        super().__init__()
        self._cells: list[QWidget] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)

    def show_facts(self, facts: list[Told]) -> None:
        empty(self._grid)
        self._cells = [_cell(told) for told in facts if told.value]
        self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        columns = max(min(self.width() // theme.px(150), len(self._cells)), 1)
        for number, cell in enumerate(self._cells):
            self._grid.addWidget(cell, number // columns, number % columns)
        for column in range(self._grid.columnCount()):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)


def _cell(told: Told) -> QWidget:
    made = QWidget()
    value = ElidedLabel(told.value, "strong")
    column = QVBoxLayout(made)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(ElidedLabel(told.name, "caption"))
    column.addWidget(value)
    made.setToolTip(plain_tip("\n".join(dict.fromkeys((told.value, told.tip)))))
    made.setAccessibleName(f"{told.name}: {told.value}. {told.tip}")
    return made
