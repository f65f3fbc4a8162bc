"""The first start: what the Library shows while it has nothing to list."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.ui.pages.library_offer import OFFER_PX, FindOffer, GuideOffer
from app.ui.parts import button, label


class FirstStart(QScrollArea):
    """Two ways to begin side by side, and below them one for who has models already.

    `add_asked`, `open_asked`: show a folder that has models; open the folder Nibble looks into anyway.
    """

    add_asked = Signal()
    open_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.guide = GuideOffer()
        self.elsewhere = FindOffer()
        self.no_guide = _words("")
        self.no_guide.setContentsMargins(0, 8, 0, 0)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addStretch(2)
        column.addWidget(label(self.tr("No models here yet"), "heading"), 0, Qt.AlignmentFlag.AlignHCenter)
        self._ways = _words(
            self.tr("Two ways to begin: see what this is about, or get a model to work with.")
        )
        column.addLayout(_row(self._ways))
        column.addSpacing(8)
        column.addLayout(_row(self.guide, self.elsewhere, gap_px=16))
        column.addLayout(_row(self.no_guide))
        column.addSpacing(8)
        own = self.tr("You have models already? Drop a .gguf file or a folder of models on this window.")
        column.addLayout(_row(_words(own)))
        column.addLayout(self._make_folder_buttons())
        column.addStretch(3)
        self.setWidget(inside)
        self.show_guide_fault(None)

    def show_guide_fault(self, fault: EnvironmentFault | None) -> None:
        """With a fault there is no built-in model to offer; a sentence in its place says so."""
        self.guide.setVisible(fault is None)
        self._ways.setVisible(fault is None)
        self.no_guide.setVisible(fault is not None)
        self.no_guide.setText(str(fault) if fault else "")
        self.setFocusProxy(self.guide.begin if fault is None else self.elsewhere.begin)

    def _make_folder_buttons(self) -> QHBoxLayout:
        return _row(
            button(
                self.tr("Add folder…"),
                self.add_asked.emit,
                role="ghost",
                glyph="folder-plus",
                tip=self.tr("Show the models of another folder here; the files stay where they are"),
            ),
            button(
                self.tr("Open models folder"),
                self.open_asked.emit,
                role="ghost",
                glyph="folder-open",
                tip=self.tr("What you put into this folder appears here by itself"),
            ),
            gap_px=8,
        )


def _words(text: str) -> QLabel:
    made = label(text, "muted", wrap=True)
    made.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    made.setFixedWidth(2 * OFFER_PX)
    return made


def _row(*parts: QWidget, gap_px: int = 0) -> QHBoxLayout:
    """In the middle, by stretches: only so a column asks how high words are at their width."""
    row = QHBoxLayout()
    row.setSpacing(gap_px)
    row.addStretch()
    for part in parts:
        row.addWidget(part)
    row.addStretch()
    return row
