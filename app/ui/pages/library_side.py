"""What stands beside the Library's list, or in its place where there is no room for both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.ui.pages.library_acts import Acts
from app.ui.pages.library_rows import Row
from app.ui.services import Services

if TYPE_CHECKING:
    from app.recommend.budget import Budget
    from app.ui.making import Checkpoint
    from app.ui.pages.library_details import Details
    from app.ui.pages.library_result import ResultView
    from app.ui.pages.library_space import Space
    from app.ui.pages.make_panel import MakePanel

SIDE_PX = 360
ROOM_FOR_BOTH_PX = 1000
GAP_PX = 16


class Side(QStackedWidget):
    """The details of a model, how it was made, or where the space goes. Each is made when it is first shown: together
    they have more parts than the rest of the page. Signals as those of Details; `pair_asked` carries the paths of two
    to compare, `original_asked` a Checkpoint and the type to make of it, `make_ordered` a Row or a Checkpoint and a
    MakeOrder."""

    closed = Signal()
    details_asked = Signal(object)
    chat_asked = Signal(object)
    compare_asked = Signal(object)
    make_asked = Signal(object, QPoint)
    look_asked = Signal(object)
    result_asked = Signal(object)
    pair_asked = Signal(object)
    original_asked = Signal(object, str)
    make_ordered = Signal(object, object)

    def __init__(self, services: Services, acts: Acts) -> None:
        super().__init__()
        self._services = services
        self._acts = acts
        self._rows: Sequence[Row] = ()
        self._budget: Budget | None = None
        self._is_alone = False
        self._made_of: Row | Checkpoint | None = None
        acts.name_refused.connect(lambda fault: self.details.show_name_fault(fault))
        acts.checked.connect(self._show_check)
        self.hide()

    @cached_property
    def details(self) -> Details:
        from app.ui.pages.library_details import Details

        details, acts = Details(self._services.folder.database), self._acts
        details.closed.connect(self.closed)
        details.chat_asked.connect(self.chat_asked)
        details.compare_asked.connect(self.compare_asked)
        details.make_asked.connect(self.make_asked)
        details.look_asked.connect(self.look_asked)
        details.result_asked.connect(self.result_asked)
        details.renamed.connect(acts.rename)
        details.reveal_asked.connect(acts.reveal)
        details.verify_asked.connect(acts.verify)
        details.delete_asked.connect(acts.delete)
        details.forget_asked.connect(acts.forget)
        details.find_asked.connect(acts.find)
        details.set_alone(self._is_alone)
        if self._budget is not None:
            details.overview.memory.show_budget(self._budget)
        self.addWidget(details)
        return details

    @cached_property
    def space(self) -> Space:
        from app.ui.pages.library_space import Space

        space = Space(self._services)
        space.closed.connect(self.closed)
        space.delete_asked.connect(self._acts.delete)
        space.details_asked.connect(self.details_asked)
        space.set_alone(self._is_alone)
        space.show_rows(self._rows)
        self.addWidget(space)
        return space

    @cached_property
    def result(self) -> ResultView:
        from app.ui.pages.library_result import ResultView

        result = ResultView(self._services.folder.database)
        result.closed.connect(self.closed)
        result.chat_asked.connect(self.chat_asked)
        result.compare_asked.connect(self.pair_asked)
        result.original_asked.connect(self.original_asked)
        self.addWidget(result)
        return result

    @cached_property
    def making(self) -> MakePanel:
        from app.ui.pages.make_panel import MakePanel

        making = MakePanel(self._services.folder.database)
        making.closed.connect(self.closed)
        making.ordered.connect(lambda order: self.make_ordered.emit(self._made_of, order))
        self.addWidget(making)
        return making

    def show_making(self, source: Row | Checkpoint, find_budget: Callable[[], Budget], meant: str) -> None:
        """What could be made of it; `meant`: the type that is chosen at first, or empty."""
        from app.ui.pages.library_make import make_source

        self._made_of = source
        self.making.show_source(make_source(source, self._services.folder), find_budget, meant)

    @property
    def row(self) -> Row | None:
        """What the details show; None while they show nothing."""
        return self.details.row if "details" in vars(self) else None

    def show_row(self, row: Row) -> None:
        """In the details."""
        self.details.show_row(row)
        self._show_check(row.path)

    def forget_row(self) -> None:
        """Shows no model's details any more."""
        if "details" in vars(self):
            self.details.forget()
        if "result" in vars(self):
            self.result.forget()

    def look_again(self) -> None:
        """The library has been looked at once more."""
        if "result" in vars(self):
            self.result.look_again()

    def show_rows(self, rows: Sequence[Row]) -> None:
        """What the space is taken by."""
        self._rows = rows
        if "space" in vars(self):
            self.space.show_rows(rows)

    def show_budget(self, budget: Budget) -> None:
        """What of this computer a model may take, for the details."""
        self._budget = budget
        if "details" in vars(self):
            self.details.overview.memory.show_budget(budget)

    def set_alone(self, alone: bool) -> None:
        """Whether it is in the place of the list."""
        self._is_alone = alone
        for name in ("details", "space"):
            if name in vars(self):
                vars(self)[name].set_alone(alone)

    def _show_check(self, path: Path) -> None:
        if self.row is not None and self.row.path == path:
            checking = self._acts.checking
            self.details.overview.check.show_outcome(checking.outcome(path), is_busy=checking.is_busy(path))


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
        self._is_whole = False
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
        has_room = self.width() >= ROOM_FOR_BOTH_PX and not self._is_whole
        return Shown.BOTH if has_room else Shown.SIDE

    def show_side(self, part: QWidget, *, whole: bool = False) -> None:
        """`whole`: in the place of the list, however much room there is."""
        self._is_whole = whole
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
