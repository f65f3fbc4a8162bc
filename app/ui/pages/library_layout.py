"""How the Library page is laid out: its parts, and what stands beside the list; what happens in it is in `library`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ui.computer import LOW_PX, ComputerStrip
from app.ui.making import Checkpoint
from app.ui.notice import NoticeArea
from app.ui.pages.library_acts import Acts
from app.ui.pages.library_body import Body
from app.ui.pages.library_compared import Compared
from app.ui.pages.library_downloads import DownloadsCard
from app.ui.pages.library_filter import FilterBar
from app.ui.pages.library_header import Header
from app.ui.pages.library_list import ModelList
from app.ui.pages.library_making import Making
from app.ui.pages.library_model import RowFilter, Rows
from app.ui.pages.library_rows import Column, Row, row_at
from app.ui.pages.library_side import BesideList, Shown, Side
from app.ui.pages.library_trial import Trial
from app.ui.pages.library_verdicts import Verdicts
from app.ui.services import Services

if TYPE_CHECKING:
    from app.ui.pages.library_details import Details
    from app.ui.pages.library_space import Space


class LibraryLayout(QWidget):
    """The parts of the page in their places."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._data = services.folder
        self.notices = NoticeArea()
        self.downloads = DownloadsCard(services.downloads)
        self.making = Making(services)
        self.acts = Acts(services, self.notices, self)
        self.compared = Compared(self.notices, self)
        self.verdicts = Verdicts(self._data, services.loaded, self)
        self._model = Rows(self)
        self._filter = RowFilter(self._model, self)
        self.header = Header()
        self.search = self.header.search
        self.filter_bar = FilterBar()
        self.list = ModelList(self._filter)
        self.body = Body(self.list)
        self.side = Side(services, self.acts)
        self.trial = Trial(self._data, self.body.first.guide, self)
        self.setFocusProxy(self.body)
        self._lay_out()
        self.beside.arranged.connect(self._arrange)
        self.side.closed.connect(self.close_side)
        self.side.details_asked.connect(self.show_details)
        self.filter_bar.space_asked.connect(self.show_space)
        self.filter_bar.sort_chosen.connect(self._sort_by)
        self.list.details_asked.connect(self.show_details)
        self.list.selectionModel().currentRowChanged.connect(self._follow_current)
        self.list.header().sortIndicatorChanged.connect(
            lambda column, order: self.filter_bar.show_order(column)
        )
        self.filter_bar.show_order(Column.MODEL)

    @property
    def details(self) -> Details:
        return self.side.details

    @property
    def space(self) -> Space:
        return self.side.space

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What stands above the list takes less room in a low page."""
        super().resizeEvent(event)
        low = self.height() < LOW_PX
        edge_px = 16 if low else 24
        self._column.setContentsMargins(24, edge_px, 24, edge_px)
        self._column.setSpacing(12 if low else 16)
        self.computer.set_brief(low)
        self.downloads.set_brief(low)

    def show_row(self, path: Path) -> None:
        """Selects the row of a file and scrolls to it."""
        wanted = str(path)
        for number, row in enumerate(self._model.rows):
            if str(row.path) == wanted:
                index = self._filter.mapFromSource(self._model.index(number, 0))
                if index.isValid():
                    self.list.setCurrentIndex(index)
                    self.list.scrollTo(index)
                return

    def show_details(self, row: Row) -> None:
        self.show_row(row.path)
        self.side.show_row(row)
        self.beside.show_side(self.details)
        if self.beside.shown is Shown.SIDE:
            self.details.setFocus()

    def show_space(self) -> None:
        """How much the models take, and what is here twice."""
        self.side.forget_row()
        self.beside.show_side(self.space)
        self.space.add_up()
        self.space.duplicates.begin.setFocus()

    def show_result(self, row: Row) -> None:
        """How a model was made here, and what that cost it."""
        self.show_row(row.path)
        self.side.forget_row()
        self.side.result.show_row(row)
        self.beside.show_side(self.side.result, whole=True)
        self.side.result.setFocus()

    def show_making(self, source: Row | Checkpoint, meant: str = "") -> None:
        """What could be made of a model or a checkpoint, to choose from; `meant`: a type that is chosen already."""
        self.side.forget_row()
        self.side.show_making(source, self.verdicts.find_budget, meant)
        self.beside.show_side(self.side.making, whole=True)
        self.side.making.setFocus()

    def close_side(self) -> None:
        if self.beside.shown is Shown.LIST:
            return
        self.side.forget_row()
        self.beside.close_side()
        self.body.setFocus()

    def _follow_current(self, current: QModelIndex) -> None:
        row = row_at(current)
        if row is not None and self.side.row is not None and not row.can_try:
            self.side.show_row(row)

    def _arrange(self, shown: Shown) -> None:
        for part in (self.header, self.computer):
            part.setVisible(shown is not Shown.SIDE)
        self.list.set_brief(shown is Shown.BOTH)

    def _sort_by(self, column: Column) -> None:
        """What is best, largest or latest first; names from A to Z."""
        falling = column in (Column.PARAMETERS, Column.SIZE, Column.CONTEXT, Column.LAST_USED)
        order = Qt.SortOrder.DescendingOrder if falling else Qt.SortOrder.AscendingOrder
        self.list.sortByColumn(column, order)

    def _clear_filter(self) -> None:
        self.search.clear()
        self.filter_bar.clear()

    def _lay_out(self) -> None:
        self._column = column = QVBoxLayout(self)
        self.computer = ComputerStrip(self.verdicts.probe)
        self.tray = self.compared.tray
        self.beside = BesideList(self.filter_bar, self.body, self.side)
        for part in (
            self.header,
            self.computer,
            self.notices,
            self.downloads,
            self.making,
            self.acts.checking,
            self.trial.card,
        ):
            column.addWidget(part)
        column.addWidget(self.beside, 1)
        column.addWidget(self.tray)
