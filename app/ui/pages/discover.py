"""The Discover page: which models suit this computer, in which quantization, and why."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl
from app.recommend.kept_sizes import kept_file
from app.ui import jobs, links
from app.ui.computer import LOW_PX, ComputerStrip
from app.ui.notice import NoticeArea
from app.ui.pages.discover_getting import getting_of
from app.ui.pages.discover_header import Header
from app.ui.pages.discover_here import Here, files_of
from app.ui.pages.discover_list import ModelList
from app.ui.pages.discover_offers import Listing, Offers
from app.ui.pages.discover_rows import RowFilter, Rows, rows_of
from app.ui.pages.discover_staircase import StaircaseView
from app.ui.pages.discover_states import Body, NothingFits
from app.ui.pages.discover_words import credit
from app.ui.pages.hub import HubView
from app.ui.pages.hub_judging import Circumstances
from app.ui.services import Services

if TYPE_CHECKING:  # made when it is first needed
    from app.ui.pages.discover_pack import PackHint

FOLLOW_MS = 1000


class DiscoverPage(QWidget):
    """`chat_requested` carries a model file's path, `get_requested` a HubRepository and one of its Variants,
    `make_requested` a HubRepository, its OriginalCheckpoint and a MakeOrder; `settings_requested`: where the
    access token is; `downloads_requested`: show them."""

    chat_requested = Signal(object)
    get_requested = Signal(object, object)
    make_requested = Signal(object, object, object)
    settings_requested = Signal()
    downloads_requested = Signal()

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._listing: Listing | None = None
        self._here: Here = {}
        self._look_job: Job[Here] | None = None
        self._looks_again = False
        self.notices = NoticeArea()
        self.header = Header()
        self.offers = Offers(kept_file(services.folder), services.folder.database, services.loaded, self)
        self.computer = ComputerStrip(self.offers.probe)
        self._model = Rows(self)
        self._filter = RowFilter(self._model, self)
        self.list = ModelList(self._filter)
        self.body = Body(self.list)
        self.staircase = StaircaseView()
        self.nothing_fits = NothingFits()
        self.hub = HubView(services, self._circumstances, self.notices)
        self._follow = QTimer(self)
        self._follow.setInterval(FOLLOW_MS)
        self._follow.timeout.connect(self._follow_machine)
        self._lay_out()
        self._connect()

    @property
    def listing(self) -> Listing | None:
        """What is listed, whatever the search hides; None until the first look is over."""
        return self._listing

    @cached_property
    def pack_hint(self) -> PackHint:
        """Made when the first look is over, which it would hold up."""
        from app.ui.pages.discover_pack import PackHint

        made = PackHint(self._services.pack_getting, self.notices)
        made.arrived.connect(self.computer.look)
        front = self._front.layout()
        assert isinstance(front, QVBoxLayout)
        front.insertWidget(front.indexOf(self.computer) + 1, made)
        return made

    # What the window asks for

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._follow.start()
        if self._listing is None:
            self._begin()
        else:
            self.pack_hint.look()
            self.offers.learn()
            self._look_here()
            self.hub.repository.look_here()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.computer.set_brief(self.height() < LOW_PX)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._follow.stop()

    def open_model(self, model_id: str) -> None:
        """Shows the staircase of a model."""
        budget = self.offers.budget
        if budget is None:
            return
        choice = self.offers.choice(model_id, self.offers.context)
        self.list.show_model(model_id)
        self._stack.setCurrentWidget(self.staircase)
        self.staircase.set_files(self._files_of(model_id))
        self.staircase.set_getting({})
        longest = self.offers.longest_context(model_id)
        self.staircase.open(choice, budget, self.offers.context, longest)
        self._show_getting()
        self.offers.prepare(model_id)
        self._focus(self.staircase)

    def close_model(self) -> None:
        """Back to the list, where it was."""
        self.staircase.close_model()
        self._stack.setCurrentWidget(self._front)
        self._focus(self.body)

    def go_to_search(self) -> None:
        """The keyboard's focus to the words to look for, in the catalogue or on the Hub."""
        if self._stack.currentWidget() is self.hub:
            self.hub.go_to_search()
            return
        if self._stack.currentWidget() is self.staircase:
            self.close_model()
        self.header.search.setFocus()
        self.header.search.selectAll()

    def look_on_hub(self, text: str) -> None:
        """Searches Hugging Face, or opens the repository that `text` names."""
        self._stack.setCurrentWidget(self.hub)
        self._focus(self.hub)
        self.hub.look_for(text)

    def close_hub(self) -> None:
        """Back to the catalogue."""
        self.hub.stop()
        if not self._filter.rowCount():  # words for the Hub, or an address
            self.header.clear()
        self._stack.setCurrentWidget(self._front)
        self._focus(self.body)

    # Building

    def _lay_out(self) -> None:
        front = QVBoxLayout()
        front.setContentsMargins(0, 0, 0, 0)
        front.setSpacing(16)
        for part in (self.header, self.computer, self.nothing_fits):
            front.addWidget(part)
        front.addWidget(self.body, 1)
        self._front = QWidget()
        self._front.setLayout(front)
        self._front.setFocusProxy(self.body)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._front)
        self._stack.addWidget(self.staircase)
        self._stack.addWidget(self.hub)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(16)
        column.addWidget(self.notices)
        column.addWidget(self._stack, 1)
        self.setFocusProxy(self.body)

    def _connect(self) -> None:
        for wish, fulfil in (
            (self.header.search.textChanged, self._filter.set_words),
            (self.header.use_chosen, self._filter.set_use),
            (self.header.order_chosen, self._filter.set_order),
        ):
            wish.connect(fulfil)
            wish.connect(self._begin_at_top)
        self.header.context_chosen.connect(self._set_context)
        self.header.list_asked.connect(self._go_to_list)
        self.header.hub_asked.connect(self.look_on_hub)
        self.list.opened.connect(self.open_model)
        self.body.clear_asked.connect(self.header.clear)
        self.body.hub_asked.connect(lambda: self.look_on_hub(self.header.search.text()))
        self.body.retry_asked.connect(self._begin)
        self.offers.machine_found.connect(self.computer.show_machine)
        self.offers.machine_found.connect(self._follow_machine)
        self.offers.progressed.connect(self.body.show_progress)
        self.offers.listed.connect(self._show)
        self.offers.failed.connect(self._show_fault)
        self.staircase.closed.connect(self.close_model)
        self.staircase.context_chosen.connect(self._set_context)
        self.staircase.model_asked.connect(self.open_model)
        self.staircase.chat_asked.connect(self.chat_requested)
        self.staircase.page_asked.connect(self._ask_to_open)
        self.hub.closed.connect(self.close_hub)
        self.hub.context_chosen.connect(self._set_context)
        self.hub.chat_requested.connect(self.chat_requested)
        self.hub.get_requested.connect(self.get_requested)
        self.hub.make_requested.connect(self.make_requested)
        self.hub.downloads_requested.connect(self.downloads_requested)
        self.hub.settings_requested.connect(self.settings_requested)
        downloads = self._services.downloads
        self.staircase.get_asked.connect(self._get)
        self.staircase.stop_asked.connect(self._stop_asking)
        self.staircase.downloads_asked.connect(self.downloads_requested)
        downloads.changed.connect(self._show_getting)
        downloads.progressed.connect(self._show_getting)
        downloads.arrived.connect(lambda entry: self._look_here())
        QShortcut(
            QKeySequence(QKeySequence.StandardKey.Find),
            self,
            self.go_to_search,
            context=Qt.ShortcutContext.WidgetWithChildrenShortcut,
        )

    # The list

    def _begin(self) -> None:
        self.computer.show()
        self.body.begin_look()
        self.offers.begin()

    def _show(self, listing: Listing) -> None:
        is_first = self._listing is None
        self._listing = listing
        self._show_rows()
        self.header.show_count(len(listing.choices))
        self.nothing_fits.show_for(listing)
        self._move_bars()
        self.hub.judge()
        if is_first:
            self._begin_at_top()
            self._look_here()
            self.pack_hint.look()

    def _follow_machine(self) -> None:
        """What is free changes, and so does what the model of another page would give back."""
        machine = self.computer.machine
        if machine is not None:
            self.offers.follow(machine)
            self.computer.show_remark(credit(self._services.loaded(machine.accelerators)))

    def _show_fault(self, fault: EnvironmentFault) -> None:
        self.computer.hide()  # it cannot look, either
        self.body.show_fault(fault)

    def _show_rows(self) -> None:
        if self._listing is not None:
            self._model.set_rows(rows_of(self._listing, frozenset(self._here)))
            self._settle()

    def _settle(self) -> None:
        if self._listing is None:
            return
        if self._filter.rowCount():
            self.body.show_list()
        else:
            self.body.show_no_match()

    def _begin_at_top(self) -> None:
        """What was asked for is there, whatever was chosen before."""
        self._settle()
        self.list.setCurrentIndex(self._filter.index(0, 0))
        self.list.scrollToTop()

    def _set_context(self, context: int) -> None:
        self.offers.set_context(context)
        self.header.show_context(context)
        self._move_bars()
        self.hub.judge()

    def _go_to_list(self) -> None:
        if self.body.shows_list:
            self.list.setFocus()

    def _circumstances(self) -> Circumstances | None:
        """What verdicts on the Hub's models are for; None before the first look is over."""
        budget = self.offers.budget
        if budget is None:
            return None
        return Circumstances(self.offers.staircases, budget, self.offers.context)

    # The staircase

    def _move_bars(self) -> None:
        model_id, budget = self.staircase.model_id, self.offers.budget
        if model_id and budget is not None:
            self.staircase.show_choice(self.offers.choice(model_id, self.offers.context), budget)

    def _get(self, quantization: str) -> None:
        model = self.staircase.model
        if model is not None:
            self._services.downloads.get_quantization(model.gguf[0], quantization, *model.gguf[1:])

    def _stop_asking(self, quantization: str) -> None:
        model = self.staircase.model
        if model is not None:
            self._services.downloads.stop_asking(model.gguf[0], quantization)

    def _show_getting(self) -> None:
        if self.staircase.model is not None:
            self.staircase.set_getting(getting_of(self._services.downloads, self.staircase.model))

    def _ask_to_open(self, repository: str) -> None:
        links.ask_to_open(
            self.notices,
            f"https://huggingface.co/{repository}",
            self.tr("Open the files of this model on Hugging Face in your browser?"),
        )

    def _focus(self, part: QWidget) -> None:
        self.setFocusProxy(part)
        if self.isVisible():
            part.setFocus()

    # The library

    def _look_here(self) -> None:
        if self._look_job is not None:
            self._looks_again = True
            return
        self._looks_again = False
        services, models = self._services, self.offers.models

        def work(control: JobControl) -> Here:
            return files_of(models, services.scan(control))

        self._look_job = jobs.run(
            self, "Look for models of the catalogue", work, on_done=self._show_here, on_end=self._looked
        )

    def _show_here(self, here: Here) -> None:
        if here != self._here:
            self._here = here
            self._show_rows()
            self.staircase.set_files(self._files_of(self.staircase.model_id))

    def _looked(self) -> None:
        self._look_job = None
        if self._looks_again:
            self._look_here()

    def _files_of(self, model_id: str) -> dict[str, Path]:
        return {quantization: path for (id_, quantization), path in self._here.items() if id_ == model_id}
