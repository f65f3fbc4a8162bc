"""What stands beside the Library's list, or in its place where there is no room for both."""

from __future__ import annotations

from enum import Enum, auto
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.ui.pages.library_acts import Acts
from app.ui.pages.library_details import Details
from app.ui.pages.library_rows import Row
from app.ui.pages.library_space import Space
from app.ui.services import Services

SIDE_PX = 360
ROOM_FOR_BOTH_PX = 1000
GAP_PX = 16


class Side(QStackedWidget):
    """The details of a model, or where the space goes."""

    closed = Signal()
    details_asked = Signal(object)

    def __init__(self, services: Services, acts: Acts) -> None:
        super().__init__()
        self._acts = acts
        self.details = Details()
        self.space = Space(services)
        self._connect()
        self.addWidget(self.details)
        self.addWidget(self.space)
        self.hide()

    def show_row(self, row: Row) -> None:
        """In the details."""
        self.details.show_row(row)
        self._show_check(row.path)

    def set_alone(self, alone: bool) -> None:
        """Whether it is in the place of the list."""
        self.details.set_alone(alone)
        self.space.set_alone(alone)

    def _show_check(self, path: Path) -> None:
        if self.details.row is not None and self.details.row.path == path:
            checking = self._acts.checking
            self.details.overview.check.show_outcome(checking.outcome(path), is_busy=checking.is_busy(path))

    def _connect(self) -> None:
        acts, details, space = self._acts, self.details, self.space
        for part in (details, space):
            part.closed.connect(self.closed)
        details.renamed.connect(acts.rename)
        details.reveal_asked.connect(acts.reveal)
        details.verify_asked.connect(acts.verify)
        details.delete_asked.connect(acts.delete)
        details.forget_asked.connect(acts.forget)
        details.find_asked.connect(acts.find)
        space.delete_asked.connect(acts.delete)
        space.details_asked.connect(self.details_asked)
        acts.name_refused.connect(details.show_name_fault)
        acts.checked.connect(self._show_check)


class Shown(Enum):
    LIST = auto()
    BOTH = auto()
    SIDE = auto()


class BesideList(QWidget):
    """The list with what is above it, and the side at its right; in a narrow page the side alone. `arranged` carries
    Shown."""

    arranged = Signal(object)

    def __init__(self, above: QWidget, body: QWidget, side: Side) -> None:
        super().__init__()
        self._side = side
        self._left = QWidget()
        column = QVBoxLayout(self._left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(above)
        column.addWidget(body, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP_PX)
        row.addWidget(self._left, 1)
        row.addWidget(side)

    @property
    def shown(self) -> Shown:
        if self._side.isHidden():
            return Shown.LIST
        return Shown.BOTH if self.width() >= ROOM_FOR_BOTH_PX else Shown.SIDE

    def show_side(self, part: QWidget) -> None:
        self._side.setCurrentWidget(part)
        self._side.show()
        self._share_room()

    def close_side(self) -> None:
        self._side.hide()
        self._share_room()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_room()

    def _share_room(self) -> None:
        shown = self.shown
        self._left.setVisible(shown is not Shown.SIDE)
        self._side.set_alone(shown is Shown.SIDE)
        if shown is Shown.SIDE:
            self._side.setMinimumWidth(0)
            self._side.setMaximumWidth(QWIDGETSIZE_MAX)
        else:
            self._side.setFixedWidth(max(SIDE_PX, self._side.minimumSizeHint().width()))
        self.arranged.emit(shown)


QWIDGETSIZE_MAX = (1 << 24) - 1
"""Qt's own constant, which the bindings leave out."""
