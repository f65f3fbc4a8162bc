"""What fills the Library below its header: the list, or the state that fits when there is nothing to list."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ui.pages.library_list import ModelList
from app.ui.pages.library_parts import looking_state, no_match_state
from app.ui.pages.library_start import FirstStart
from app.ui.parts import card
from app.ui.state_stack import StateStack


class Body(StateStack):
    """`clear_asked`: show what the filter hides."""

    clear_asked = Signal()

    def __init__(self, models: ModelList) -> None:
        super().__init__()
        inside = QVBoxLayout()
        inside.setContentsMargins(1, 4, 1, 4)
        inside.addWidget(models)
        self.first = FirstStart()
        self._list = models
        self._filled = card(inside)
        self._blank = QWidget()
        self._no_match = no_match_state(self.clear_asked.emit)
        self._looking = looking_state()
        for state in (self._blank, self._filled, self.first, self._no_match, self._looking):
            self.addWidget(state)
        self.patience.timeout.connect(self._look_takes_long)

    @property
    def is_first_start(self) -> bool:
        return self.currentWidget() is self.first

    def begin_look(self) -> None:
        self.patience.start()

    def end_look(self) -> None:
        self.patience.stop()

    def show_list(self) -> None:
        self.show_state(self._filled, self._list)

    def show_first_start(self) -> None:
        self.show_state(self.first, self.first)

    def show_no_match(self) -> None:
        self.show_state(self._no_match, self._list)

    def show_unknown(self) -> None:
        """Nothing was found so far, and the first look is not over."""
        self.show_state(self._blank if self.patience.isActive() else self._looking)

    def _look_takes_long(self) -> None:
        if self.currentWidget() is self._blank:
            self.show_state(self._looking)
