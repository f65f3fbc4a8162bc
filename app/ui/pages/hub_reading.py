"""The model card of a repository, as its author wrote it and without anything from elsewhere."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.ui.pages.chat_text import Prose
from app.ui.pages.hub_states import Asking, FaultMessage, Message
from app.ui.parts import card
from app.ui.state_stack import StateStack

LINE_PX = 860
"""Longer lines are hard to read."""


class CardView(StateStack):
    """`link_asked` carries the address of a link that was clicked."""

    link_asked = Signal(str)
    again_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._is_known = False
        self.prose = Prose(_tr("Model card"))
        self.prose.setMaximumWidth(LINE_PX)
        self.prose.link_asked.connect(self.link_asked)
        column = QVBoxLayout()
        column.setContentsMargins(20, 16, 20, 16)
        column.addWidget(self.prose)
        column.addStretch()
        inside = QWidget()
        inside.setLayout(column)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(inside)
        around = QVBoxLayout()
        around.setContentsMargins(1, 4, 1, 4)
        around.addWidget(self.area)
        self._filled = card(around)
        self._blank = QWidget()
        self._asking = Asking()
        self._asking.say(_tr("Reading the model card…"))
        self._asking.cancel.hide()
        self.none = Message()
        self.none.say("file-text", _tr("No model card"), _tr("Its author has written nothing about it."))
        self.fault = FaultMessage()
        self.fault.again_asked.connect(self.again_asked)
        for state in (self._blank, self._filled, self._asking, self.none, self.fault):
            self.addWidget(state)
        self.patience.timeout.connect(lambda: self.show_state(self._asking))

    @property
    def is_known(self) -> bool:
        """Whether the card, or that there is none, is shown."""
        return self._is_known

    def forget(self) -> None:
        self._is_known = False
        self.prose.show_plain("")

    def show_asking(self) -> None:
        self.show_state(self._blank)
        self.patience.start()

    def show_card(self, text: str | None) -> None:
        self.patience.stop()
        self._is_known = True
        if not text:
            self.show_state(self.none)
            return
        self.prose.show_markdown(text)
        self.area.verticalScrollBar().setValue(0)
        self.show_state(self._filled, self.prose)

    def show_fault(self, fault: EnvironmentFault) -> None:
        self.patience.stop()
        self.fault.explain(fault)
        self.show_state(self.fault, *self.fault.buttons[:1])


def _tr(text: str) -> str:
    return QCoreApplication.translate("HubPage", text)
