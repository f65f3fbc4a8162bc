"""The top of the Library: its title, how much is in it, the filter, and where models come from."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from app.core.units import format_bytes
from app.ui.giving_way import GivingWay
from app.ui.pages.library_rows import Row
from app.ui.parts import ElidedLabel, button, icon_button, label, let_clear


class Header(QWidget):
    refresh_asked = Signal()
    find_asked = Signal()
    add_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._count = ElidedLabel("", "muted")
        self._count.setContentsMargins(0, 0, 0, 4)  # onto the title's baseline
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Filter models"))
        self.search.setAccessibleName(self.tr("Filter models"))
        let_clear(self.search)
        self.search.setMinimumWidth(112)
        self.search.setMaximumWidth(200)
        refresh = icon_button("arrow-clockwise", self.tr("Look for models again"), self.refresh_asked.emit)
        find = button(
            self.tr("Find a model"),
            self.find_asked.emit,
            glyph="magnifying-glass",
            tip=self.tr("Shows models for this computer, and searches Hugging Face"),
        )
        add = button(
            self.tr("Add folder…"),
            self.add_asked.emit,
            glyph="folder-plus",
            tip=self.tr("Show the models of another folder here; the files stay where they are"),
            shortcut=QKeySequence.StandardKey.Open,
        )
        self._controls = (self.search, refresh, find, add)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(label(self.tr("Library"), "title"))
        row.addSpacing(4)
        row.addWidget(self._count, 1, Qt.AlignmentFlag.AlignBottom)
        for control in self._controls:
            row.addWidget(control, 1 if control is self.search else 0)
        GivingWay(self, (find, add))

    def show_controls(self, shown: bool) -> None:
        for control in self._controls:
            control.setVisible(shown)

    def show_count(self, rows: Sequence[Row]) -> None:
        """How many of these can be used, and how large they are."""
        usable = [row for row in rows if row.fault is None]
        size = format_bytes(sum(row.file_bytes for row in usable))
        if not usable:
            self._count.setText("")
        elif len(usable) == 1:
            self._count.setText(self.tr("1 model, {size}").format(size=size))
        else:
            self._count.setText(self.tr("{n} models, {size}").format(n=len(usable), size=size))
