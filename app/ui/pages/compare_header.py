"""The top of the Compare page: its title and what can be done with all panes."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.ui.giving_way import GivingWay
from app.ui.pages.compare_parts import WholeLabel
from app.ui.parts import button, icon_button, label, set_shortcut


class Header(QWidget):
    linked = Signal(bool)
    presets_asked = Signal()
    add_asked = Signal()
    new_asked = Signal()
    blind_asked = Signal()
    history_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.explanation = WholeLabel("", "muted")
        self.explanation.setContentsMargins(0, 0, 0, 4)  # onto the title's baseline
        self.show_shared(True)
        self.link = icon_button("link-simple", self.tr("Scroll all panes together"), lambda: None)
        self.link.setCheckable(True)
        set_shortcut(self.link, "Ctrl+L")
        self.link.toggled.connect(self.linked)
        self.presets = button(
            self.tr("Presets"),
            self.presets_asked.emit,
            glyph="list",
            tip=self.tr("Models that belong side by side"),
            shortcut="Ctrl+P",
        )
        self.add = button(
            self.tr("Add model"),
            self.add_asked.emit,
            glyph="plus",
            tip=self.tr("Another pane, up to five"),
            shortcut="Ctrl+Shift+A",
        )
        self.new = button(
            self.tr("New comparison"),
            self.new_asked.emit,
            glyph="note-pencil",
            tip=self.tr("Clear the answers and begin again with the same models"),
            shortcut="Ctrl+Shift+N",  # with less, it is a new chat, as everywhere
        )
        self.blind = icon_button("eye-slash", self.tr("Blind test"), self.blind_asked.emit)
        self.blind.setToolTip(self.tr("Blind test: vote on answers without knowing whose they are"))
        set_shortcut(self.blind, "Ctrl+B")
        self.history = icon_button(
            "clock-counter-clockwise", self.tr("Earlier comparisons"), self.history_asked.emit
        )
        set_shortcut(self.history, "Ctrl+H")
        self.fair = icon_button(
            "timer",
            self.tr("One after the other"),
            lambda: None,
            tip=self.tr(
                "Fair timing: one model after the other, each with all cores, so that its speed is the one it has"
                " alone. Off: as many at once as there are cores"
            ),
        )
        self.fair.setCheckable(True)
        set_shortcut(self.fair, "Ctrl+Shift+O")
        self._controls = (self.history, self.blind, self.fair, self.link, self.presets, self.add, self.new)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(label(self.tr("Compare"), "title"))
        row.addSpacing(4)
        row.addWidget(self.explanation, 1, Qt.AlignmentFlag.AlignBottom)
        for control in self._controls:
            row.addWidget(control)
        GivingWay(self, (self.new, self.presets, self.add))
        self.show_controls(False)

    def show_shared(self, same: bool) -> None:
        """Whether all panes have the same settings, or each its own."""
        self.explanation.setText(
            self.tr("One prompt, the same seed and settings for every model")
            if same
            else self.tr("One prompt, every model with its own settings")
        )

    def show_controls(self, shown: bool) -> None:
        """Only with panes is there anything to do."""
        for control in self._controls:
            control.setVisible(shown)

    def set_possible(self, *, change: bool, add: bool, new: bool) -> None:
        self.presets.setEnabled(change)
        self.add.setEnabled(add)
        self.new.setEnabled(new)
