"""What is known of a pane's model before it is asked."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.convert.quantizations import QUANTIZATIONS
from app.core.units import format_bytes, format_count
from app.library import LibraryEntry
from app.memory import MemoryEstimate
from app.ui.parts import label

WIDEST_FACTS_PX = 320


class Facts(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._summary = label("", "muted", wrap=True)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(0, 1)
        self._values = {}
        for row, (key, name, tip) in enumerate(
            (
                ("parameters", self.tr("Parameters"), self.tr("How many weights the model has")),
                ("bits", self.tr("Bits per weight"), self.tr("How much room each weight has, on average")),
                ("file", self.tr("File"), self.tr("Size of the model's file")),
                (
                    "memory",
                    self.tr("Memory, about"),
                    self.tr("Weights, context and working space of this model together"),
                ),
            )
        ):
            caption = label(name, "muted")
            value = label("–")
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            for each in (caption, value):
                each.setToolTip(tip)
            self._grid.addWidget(caption, row, 0)
            self._grid.addWidget(value, row, 1)
            self._values[key] = value
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(16)
        column.addWidget(self._summary)
        table = QWidget()
        table.setMaximumWidth(WIDEST_FACTS_PX)
        self._grid.setContentsMargins(0, 0, 0, 0)
        table.setLayout(self._grid)
        column.addWidget(table)
        column.addStretch()

    def show_entry(self, entry: LibraryEntry | None, estimate: MemoryEstimate | None) -> None:
        facts = entry.facts if entry else None
        summary = next(
            (each.summary for each in QUANTIZATIONS if facts and each.name == facts.quantization), ""
        )
        self._summary.setText(summary if facts else self.tr("Choose a model for this pane above."))
        self._summary.setVisible(bool(self._summary.text()))
        values = {
            "parameters": format_count(facts.parameters) if facts else "–",
            "bits": f"{facts.bits_per_weight:.2f}" if facts and facts.bits_per_weight else "–",
            "file": format_bytes(facts.file_bytes) if facts else "–",
            "memory": format_bytes(estimate.in_use_bytes) if estimate else "–",
        }
        for key, text in values.items():
            self._values[key].setText(text)
