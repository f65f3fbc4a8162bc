"""Parts of the Library page around its list: folders, empty states, and the models chosen for comparing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from app.ui.pages.library_rows import Row
from app.ui.parts import ElidedLabel, Glyph, button, empty, icon_button, label, plain_tip


class Chip(QFrame):
    """A small label with a button that takes it away."""

    def __init__(
        self, text: str, tip: str, glyph: str, remove_name: str, remove: Callable[[], object]
    ) -> None:
        super().__init__()
        self.setProperty("role", "chip")
        self.setToolTip(plain_tip(tip))
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 2, 2, 2)
        row.setSpacing(6)
        row.addWidget(Glyph(glyph, "muted", 16))
        words = ElidedLabel(text, elide=Qt.TextElideMode.ElideMiddle)
        words.setToolTip(plain_tip(tip))
        row.addWidget(words)
        close = icon_button("x", remove_name, remove)
        close.setFixedSize(24, 24)
        row.addWidget(close)


class CompareTray(QFrame):
    """The models chosen for comparing, and the button that compares them."""

    compare_asked = Signal()
    removed = Signal(object)
    cleared = Signal()

    def __init__(self, most: int) -> None:
        super().__init__()
        self.setProperty("role", "tray")
        self.setAccessibleName(self.tr("Models to compare"))
        self._most = most
        self._chips = QHBoxLayout()
        self._chips.setSpacing(8)
        self._hint = label("", "caption")
        self._compare = button(
            self.tr("Compare"),
            self.compare_asked.emit,
            role="primary",
            glyph="scales",
            tip=self.tr("Put the same prompt to these models, side by side"),
            shortcut="Ctrl+Return",
        )
        self._compare.setShortcut("")  # the page has it; here it is only told
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 10, 10, 10)
        row.setSpacing(12)
        row.addLayout(self._chips)
        row.addWidget(self._hint)
        row.addStretch()
        row.addWidget(button(self.tr("Clear"), self.cleared.emit, role="ghost"))
        row.addWidget(self._compare)
        self.hide()

    def show_rows(self, rows: Sequence[Row]) -> None:
        _empty(self._chips)
        for row in rows:
            name = self.tr("Do not compare {model}").format(model=row.label)
            self._chips.addWidget(
                Chip(row.label, str(row.path), "stack", name, partial(self.removed.emit, row))
            )
        self._hint.setText(self._hint_for(len(rows)))
        self._compare.setEnabled(len(rows) >= 2)
        self.setVisible(bool(rows))

    def _hint_for(self, count: int) -> str:
        if count == 1:
            return self.tr("Choose another model to compare with")
        if count < self._most:
            return self.tr("Up to {n} models").format(n=self._most)
        return ""


def no_match_state(clear: Callable[[], object]) -> QWidget:
    """The filter hides everything there is."""
    state = QWidget()
    column = _state_column(state, "magnifying-glass", _tr("No model matches the filter"))
    column.addWidget(button(_tr("Clear filter"), clear), 0, Qt.AlignmentFlag.AlignHCenter)
    column.addStretch(3)
    return state


def looking_state() -> QWidget:
    """The first look at the folders takes its time."""
    state = QWidget()
    column = _state_column(state, "stack", _tr("Looking for models…"))
    bar = QProgressBar()
    bar.setRange(0, 0)
    bar.setTextVisible(False)
    bar.setFixedWidth(240)
    bar.setAccessibleName(_tr("Looking for models…"))
    column.addWidget(bar, 0, Qt.AlignmentFlag.AlignHCenter)
    column.addStretch(3)
    return state


def _state_column(state: QWidget, glyph: str, title: str) -> QVBoxLayout:
    column = QVBoxLayout(state)
    column.setSpacing(8)
    column.addStretch(2)
    column.addWidget(Glyph(glyph, "accent", 48), 0, Qt.AlignmentFlag.AlignHCenter)
    column.addWidget(label(title, "heading"), 0, Qt.AlignmentFlag.AlignHCenter)
    return column


def _empty(layout: QHBoxLayout) -> None:
    empty(layout)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
