"""What fills the Library below its header: the list, or the state that fits when there is nothing to list."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.ui.pages.library_list import ModelList
from app.ui.pages.library_parts import looking_state, no_match_state
from app.ui.pages.library_start import FirstStart
from app.ui.parts import card

SHORT_LOOK_MS = 300


class Body(QStackedWidget):
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
        # A look that takes less than this needs no word.
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(SHORT_LOOK_MS)
        self._patience.timeout.connect(self._look_takes_long)

    @property
    def is_first_start(self) -> bool:
        return self.currentWidget() is self.first

    def begin_look(self) -> None:
        self._patience.start()

    def end_look(self) -> None:
        self._patience.stop()

    def show_list(self) -> None:
        self._show(self._filled, self._list)

    def show_first_start(self) -> None:
        self._show(self.first, self.first)

    def show_no_match(self) -> None:
        self._show(self._no_match, self._list)

    def show_unknown(self) -> None:
        """Nothing was found so far, and the first look is not over."""
        self._show(self._blank if self._patience.isActive() else self._looking)

    def _look_takes_long(self) -> None:
        if self.currentWidget() is self._blank:
            self._show(self._looking)

    def _show(self, state: QWidget, focused: QWidget | None = None) -> None:
        """`focused` has the keyboard's focus from now on if what was shown before had it; without one, the body
        itself: a hidden widget cannot have it, and it would go to the rail and stay there."""
        if state is self.currentWidget():
            return
        holder = self.window().focusWidget()
        had_focus = holder is None or holder is self or self.isAncestorOf(holder)
        self.setFocusProxy(focused)  # type: ignore[arg-type]  # Qt takes none, its annotation does not
        self.setCurrentWidget(state)
        if had_focus and self.isVisible():
            (focused or self).setFocus()
