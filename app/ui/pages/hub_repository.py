"""One repository of the Hub: its files with their verdicts, its original, and its card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.ui.latest import Latest
from app.ui.make_order import MakeOrder
from app.ui.pages.hub_files import Files
from app.ui.pages.hub_getting import Comings, Here, looking_for, offered
from app.ui.pages.hub_head import Head, View
from app.ui.pages.hub_judging import Circumstances, Judgement, judge_variants
from app.ui.pages.hub_opening import Opened, opening, reading_card, reading_facts
from app.ui.pages.hub_reading import CardView
from app.ui.pages.hub_states import Asking, FaultMessage
from app.ui.pages.hub_variant_rows import VariantRow
from app.ui.pages.make_panel import MakePanel, MakeSource
from app.ui.services import Services
from app.ui.state_stack import StateStack

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.convert.offers import MakingOffer
    from app.gguf import ModelFacts
    from app.hub import HubReference, Variant
    from app.recommend.budget import Budget

SETTLING_MS = 200
"""No header is asked for while a person moves through the list."""


class RepositoryPage(QWidget):
    """`chat_requested` carries a file, `get_requested` a HubRepository and one of its Variants, `make_requested` a
    HubRepository, its OriginalCheckpoint and a MakeOrder, `facts_read` its id, a variant's label and the
    ModelFacts, `search_asked` words, `page_asked` an address; `downloads_requested`: show them."""

    closed = Signal()
    chat_requested = Signal(object)
    get_requested = Signal(object, object)
    make_requested = Signal(object, object, object)
    downloads_requested = Signal()
    facts_read = Signal(str, str, object)
    search_asked = Signal(str)
    page_asked = Signal(str)
    link_asked = Signal(str)
    settings_asked = Signal()

    def __init__(self, services: Services, circumstances: Callable[[], Circumstances | None]) -> None:
        super().__init__()
        self._folder = services.folder
        self._downloads = services.downloads
        self._circumstances = circumstances
        self._id = ""
        self._choice = ""
        self._opened: Opened | None = None
        self._facts: dict[str, ModelFacts] = {}
        self._here: Here = {}
        self._opening, self._reading, self._judging, self._card, self._looking = (
            Latest(self) for _ in range(5)
        )
        self.head = Head()
        self.files = Files()
        self.card = CardView()
        self.asking = Asking()
        self.fault = FaultMessage()
        self.body = StateStack()
        self._blank = QWidget()
        for state in (self._blank, self.files, self.card, self.asking, self.fault):
            self.body.addWidget(state)
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLING_MS)
        self._settling.timeout.connect(self._read_header)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.head)
        column.addWidget(self.body, 1)
        self.setFocusProxy(self.body)
        self._connect()

    @cached_property
    def making(self) -> MakePanel:
        making = MakePanel(self._folder.database)
        making.closed.connect(lambda: self.show_view(View.FILES))
        making.ordered.connect(self._make_ordered)
        self.body.addWidget(making)
        return making

    @property
    def opened(self) -> Opened | None:
        return self._opened

    @property
    def rows(self) -> list[VariantRow]:
        """What is listed, from top to bottom."""
        return list(self.files.rows.rows)

    @property
    def is_asking(self) -> bool:
        """Anything, also where the question only waits until a person stays at a file."""
        questions = (self._opening, self._reading, self._judging, self._card, self._looking)
        return self._settling.isActive() or any(question.is_asking for question in questions)

    def open(self, reference: HubReference) -> None:
        """Asks for the repository and shows it; `choice` of the reference is the variant to look at first."""
        self.stop()
        self._here = {}
        self._id, self._choice, self._opened, self._facts = reference.repository, reference.choice, None, {}
        self.head.show_asking(reference.repository)
        self.asking.say(_tr("Asking for {repository}…").format(repository=reference.repository))
        self.body.show_state(self._blank)
        self.body.patience.start()
        self._opening.ask("Open a repository", opening(reference), self._show, self._show_fault)

    def stop(self) -> None:
        """Nobody waits any more."""
        self._settling.stop()
        for question in (self._opening, self._reading, self._judging, self._card, self._looking):
            question.drop()

    def judge(self) -> None:
        """Works the verdicts out for this computer as it is now and the context that is chosen."""
        here = self._circumstances()
        if self._opened is None or here is None:
            return
        variants = [row.variant for row in self.rows if row.is_model and row.variant]
        work = judge_variants(self._opened.repository, variants, dict(self._facts), here)
        self._judging.ask(
            "Judge the files of a repository", work, lambda found: self._show_judgements(found, here), _ignore
        )

    def look_here(self) -> None:
        """Which of the files are on this computer."""
        if self._opened is not None:
            work = looking_for(self._opened.repository, self._folder.models)
            self._looking.ask("Look for a repository's files here", work, self._show_here, _ignore)

    def _show(self, opened: Opened) -> None:
        self._opened = opened
        self.body.patience.stop()
        self.head.show_repository(opened.repository)
        self.card.forget()
        self.files.show_repository(opened)
        self._show_getting()
        self.look_here()
        self.show_view(View.FILES)
        self.judge()
        self.files.list.show_label(opened.label)
        if not self.files.list.currentIndex().isValid() and self.files.rows.rowCount():
            self.files.list.setCurrentIndex(self.files.rows.index(0, 0))

    def show_view(self, view: View) -> None:
        if self._opened is None:
            return
        self.head.show_view(view)
        if view is View.FILES:
            self.body.show_state(self.files, self.files.focused)
            return
        self.body.show_state(self.card, self.card)
        if not self.card.is_known and not self._card.is_asking:
            self.card.show_asking()
            work = reading_card(self._opened)
            self._card.ask("Read a model card", work, self.card.show_card, self.card.show_fault)

    def _show_fault(self, fault: EnvironmentFault) -> None:
        self.body.patience.stop()
        words = self._id.partition("/")[2]
        search = (
            _tr("Search for {name}").format(name=words),
            "magnifying-glass",
            lambda: self.search_asked.emit(words),
        )
        self.fault.explain(fault, [search, (_tr("Back"), "arrow-left", self.closed.emit)])
        self.body.show_state(self.fault, *self.fault.buttons[:1])

    # The chosen variant

    def _choose(self, row: VariantRow | None) -> None:
        self._reading.drop()
        self._settling.stop()
        if row is None or row.variant is None:
            return
        self._show_details(row)
        if row.is_model and row.can_get and row.facts is None:
            self.files.details.show_reading()
            self._settling.start()

    def _read_header(self) -> None:
        row = self.files.list.current_row()
        if self._opened is None or row is None or row.variant is None:
            return
        variant, work = row.variant, reading_facts(self._opened, row.variant, self._folder.cache)
        self._reading.ask(
            "Read a header on the Hub",
            work,
            lambda facts: self._show_facts(variant, facts),
            self.files.details.show_fault,
        )

    def _show_facts(self, variant: Variant, facts: ModelFacts) -> None:
        self._facts[variant.label] = facts
        self.files.rows.set_rows(
            [replace(row, facts=facts) if row.variant == variant else row for row in self.rows]
        )
        current = self.files.list.current_row()
        if current is not None:
            self._show_details(current)
        self.facts_read.emit(self._id, variant.label, facts)
        self.judge()

    def _show_judgements(self, judged: dict[str, Judgement], here: Circumstances) -> None:
        self.files.rows.set_rows(
            [
                replace(row, judgement=judged.get(row.variant.label), budget=here.budget)
                if row.is_model and row.variant
                else row
                for row in self.rows
            ]
        )
        current = self.files.list.current_row()
        if current is not None and current.variant is not None:
            self.files.details.show_row(current, here.context)

    def _show_details(self, row: VariantRow) -> None:
        here = self._circumstances()
        self.files.details.show_row(row, here.context if here else 0)
        self.files.details.show_known()

    def _connect(self) -> None:
        self.head.closed.connect(self.closed)
        self.head.view_chosen.connect(self.show_view)
        self.head.page_asked.connect(self.page_asked)
        self.body.patience.timeout.connect(lambda: self.body.show_state(self.asking, self.asking.cancel))
        self.asking.cancelled.connect(self.closed)
        self.fault.again_asked.connect(self._again)
        self.files.list.chosen.connect(self._choose)
        for part in (self.files.list, self.files.details):
            part.button_pressed.connect(self._act)
        original = self.files.original
        original.make_asked.connect(self._make)
        original.more_asked.connect(self._choose_types)
        original.downloads_asked.connect(self.downloads_requested)
        self._downloads.changed.connect(self._show_getting)
        self._downloads.progressed.connect(self._show_getting)
        self._downloads.arrived.connect(self.look_here)
        self.files.search_asked.connect(self.search_asked)
        self.card.link_asked.connect(self.link_asked)
        self.card.again_asked.connect(lambda: self.show_view(View.CARD))
        for origin in (self.fault, self.files.refusal):
            origin.settings_asked.connect(self.settings_asked)
        for asking in (self.fault, self.files.refusal, self.files.details):
            asking.page_asked.connect(self.page_asked)

    def _again(self) -> None:
        from app.hub import HubReference

        self.open(HubReference(self._id, self._choice))

    def _act(self, row: VariantRow) -> None:
        """What the button of a file is for."""
        variant, offer = row.variant, row.offer
        if self._opened is None or variant is None:
            return
        if offer.file is not None:
            self.chat_requested.emit(offer.file)
        elif offer.getting is None:
            self.get_requested.emit(self._opened.repository, variant)
        elif not offer.getting.is_asked:  # which takes a moment: whoever presses twice means nothing by it
            self.downloads_requested.emit()

    def _make(self, order: MakeOrder) -> None:
        if self._opened is not None and self._opened.original is not None:
            self.make_requested.emit(self._opened.repository, self._opened.original, order)

    def _make_ordered(self, order: MakeOrder) -> None:
        self.show_view(View.FILES)
        self._make(order)

    def _choose_types(self, meant: str) -> None:
        opened, here = self._opened, self._circumstances()
        if opened is None or opened.original is None or here is None:
            return
        original, prospect, context = opened.original, opened.prospect, here.context

        def look(budget: Budget) -> MakingOffer:
            from app.convert.offers import offer_of_checkpoint

            return offer_of_checkpoint(prospect, original.form or "", original.size, budget, context)

        source = MakeSource(
            opened.repository.id,
            look,
            self._folder.models,
            _tr("with the checkpoint"),
            is_fixed=True,
            download_bytes=original.size,
        )
        self.making.show_source(source, lambda: here.budget, meant)
        self.body.show_state(self.making, self.making)

    def _show_here(self, here: Here) -> None:
        self._here = here
        self._show_getting()

    def _show_getting(self) -> None:
        if self._opened is not None:
            comings = Comings(self._downloads, self._opened.repository)
            self.files.offer(offered(self.rows, self._opened.repository, self._here, comings))
            self.files.original.show_getting(comings.of_original(), is_here=comings.has_original)


def _ignore(fault: EnvironmentFault) -> None:
    """Verdicts are an addition: without them the list is what it was."""


def _tr(text: str) -> str:
    return QCoreApplication.translate("HubPage", text)
