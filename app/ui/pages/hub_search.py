"""Searching the Hub: what is looked for above, what was found below, page by page as it is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.ui.latest import Latest
from app.ui.pages import hub_words as words
from app.ui.pages.hub_bar import SearchBar
from app.ui.pages.hub_judging import Circumstances, judge_results
from app.ui.pages.hub_result_list import ResultList
from app.ui.pages.hub_result_rows import Result, ResultRows
from app.ui.pages.hub_states import Asking, FaultMessage, Message, Step
from app.ui.parts import button, card, label
from app.ui.state_stack import StateStack

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.gguf import ModelFacts
    from app.hub import FoundPage, Hub, Search


@dataclass(frozen=True)
class _Found:
    """A page, and of whom the next one is asked."""

    hub: Hub
    page: FoundPage


class HubSearch(QWidget):
    """`asked` carries the words that a person wants an answer to, `opened` a repository's id, `page_asked` an address
    for the browser."""

    asked = Signal(str)
    opened = Signal(str)
    closed = Signal()
    page_asked = Signal(str)
    settings_asked = Signal()

    def __init__(self, circumstances: Callable[[], Circumstances | None]) -> None:
        super().__init__()
        self._circumstances = circumstances
        self._wish: Search | None = None
        self._hub: Hub | None = None
        self._next: str | None = None
        self._read: dict[str, tuple[str, ModelFacts]] = {}
        self._asking = Latest(self)
        self._judging = Latest(self)
        self.bar = SearchBar()
        self.rows = ResultRows(self)
        self.list = ResultList(self.rows)
        self.footer = Footer()
        self.body = Results(self.list, self.footer)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(16)
        column.addWidget(self.bar)
        column.addWidget(self.body, 1)
        self.setFocusProxy(self.body)
        self._connect()

    @property
    def results(self) -> list[Result]:
        """What is listed, from top to bottom."""
        return list(self.rows.rows)

    @property
    def wish(self) -> Search | None:
        """What was searched for last."""
        return self._wish

    @property
    def is_asking(self) -> bool:
        return self._asking.is_asking

    def begin(self, text: str) -> None:
        """Shows that `text` is about to be looked for; what was found before stays until it is searched for."""
        self.bar.words.setText(text)
        if self._wish is None:
            self.body.show_asking(_tr("Asking Hugging Face…"))

    def resume(self) -> None:
        """Shows again what was searched for last."""
        if self._wish is not None:
            self.bar.words.setText(self._wish.words)

    def search(self) -> None:
        """Asks for what the bar says; what was asked before is forgotten."""
        wish = self._wish = self.bar.wish()
        self._forget()
        self.body.show_asking(_tr("Searching Hugging Face…"))

        def work(control: JobControl) -> _Found:
            from app.hub import open_hub, search_page

            hub = open_hub()
            return _Found(hub, search_page(hub, wish, control.cancel))

        self._asking.ask("Search the Hub", work, self._show_first, self.show_fault)

    def ask_for_more(self) -> None:
        """The next page, unless it is on its way or there is none."""
        wish, hub, after = self._wish, self._hub, self._next
        if wish is None or hub is None or after is None or self._asking.is_asking:
            return

        def work(control: JobControl) -> _Found:
            from app.hub import search_page

            return _Found(hub, search_page(hub, wish, control.cancel, after))

        self.footer.show_asking()
        self._asking.ask("Search the Hub for more", work, self._show_more, self.footer.show_fault)

    def stop(self) -> None:
        """Nobody waits any more."""
        self._asking.drop()
        if self.rows.rows:
            self._show_list()
        else:
            self.body.show_stopped()

    def remember(self, repository: str, label: str, facts: ModelFacts) -> None:
        """The header of this variant was read: its verdict is the exact one."""
        self._read[repository] = (label, facts)
        self.judge()

    def judge(self) -> None:
        """Works the verdicts out for this computer as it is now."""
        here = self._circumstances()
        models = [result.model for result in self.results]
        if here is None or not models:
            return
        self._judging.ask(
            "Judge what the Hub found",
            judge_results(models, dict(self._read), here),
            self._show_results,
            _ignore,
        )

    def _forget(self) -> None:
        self._judging.drop()
        self._next = self._hub = None
        self.rows.set_rows([])

    def _show_first(self, found: _Found) -> None:
        if not found.page.models:
            self._show_nothing()
            return
        self._take(found)
        self.list.setCurrentIndex(self.rows.index(0, 0))
        self.list.scrollToTop()

    def _show_more(self, found: _Found) -> None:
        known = {result.model.id for result in self.results}
        page = replace(found.page, models=tuple(each for each in found.page.models if each.id not in known))
        self._take(_Found(found.hub, page))

    def _take(self, found: _Found) -> None:
        self._hub, self._next = found.hub, found.page.next
        self.rows.extend([Result(model) for model in found.page.models])
        self._show_list()
        self.judge()

    def _show_list(self) -> None:
        self.footer.show_count(len(self.rows.rows), is_all=self._next is None)
        self.body.show_list()

    def _show_results(self, results: list[Result]) -> None:
        """Those that were listed when it was asked; others may have come since."""
        judged = {result.model.id: result for result in results}
        self.rows.set_rows([judged.get(each.model.id, each) for each in self.results])

    def _show_nothing(self) -> None:
        wish = self._wish
        assert wish is not None
        is_narrow = bool(wish.author or wish.licence or wish.has_gguf) or bool(
            wish.least_parameters or wish.most_parameters
        )
        steps: list[Step] = [(_tr("Without filters"), "funnel", self._widen)] if is_narrow else []
        hint = _tr("Try fewer words, or none: the filters alone find models, too.")
        if is_narrow:
            hint = _tr("Try fewer words, or take the filters away.")
        title = _tr("Nothing on Hugging Face matches")
        if wish.words:
            title = _tr("Nothing on Hugging Face matches “{words}”").format(words=words.plain(wish.words))
        self.body.nothing.say("magnifying-glass", title, hint, steps)
        self.body.show_nothing()

    def _widen(self) -> None:
        self.bar.clear_filters()
        self.search()

    def show_fault(self, fault: EnvironmentFault) -> None:
        """In the place of results."""
        self.body.fault.explain(fault, [(_tr("Back to the catalogue"), "", self.closed.emit)])
        self.body.show_fault()

    def _connect(self) -> None:
        self.bar.asked.connect(self.asked)
        self.bar.narrowed.connect(self.search)
        self.bar.closed.connect(self.closed)
        self.bar.list_asked.connect(lambda: self.list.setFocus() if self.body.shows_list else None)
        self.list.opened.connect(self.opened)
        self.list.more_wanted.connect(lambda: None if self.footer.shows_fault else self.ask_for_more())
        self.footer.more.clicked.connect(self.ask_for_more)
        self.body.asking.cancelled.connect(self.stop)
        self.body.fault.again_asked.connect(lambda: self.asked.emit(self.bar.words.text()))
        self.body.fault.page_asked.connect(self.page_asked)
        self.body.fault.settings_asked.connect(self.settings_asked)
        self.body.again_asked.connect(lambda: self.asked.emit(self.bar.words.text()))
        context = Qt.ShortcutContext.WidgetWithChildrenShortcut
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self, self.closed.emit, context=context)


class Results(StateStack):
    """The list, or what is shown in its place."""

    again_asked = Signal()

    def __init__(self, results: ResultList, footer: Footer) -> None:
        super().__init__()
        self._list = results
        inside = QVBoxLayout()
        inside.setContentsMargins(1, 4, 1, 4)
        inside.setSpacing(0)
        inside.addWidget(results, 1)
        inside.addWidget(footer)
        self._filled = card(inside)
        self._blank = QWidget()
        self.asking = Asking()
        self.nothing = Message()
        self.fault = FaultMessage()
        self._stopped = Message()
        for state in (self._blank, self._filled, self.asking, self.nothing, self.fault, self._stopped):
            self.addWidget(state)
        self.patience.timeout.connect(lambda: self.show_state(self.asking, self.asking.cancel))

    @property
    def shows_list(self) -> bool:
        return self.currentWidget() is self._filled

    def show_asking(self, text: str) -> None:
        self.asking.say(text)
        if self.currentWidget() is not self.asking:
            self.show_state(self._blank)
            self.patience.start()

    def show_list(self) -> None:
        self._show(self._filled, self._list)

    def show_nothing(self) -> None:
        self._show(self.nothing, *self.nothing.buttons[:1])

    def show_fault(self) -> None:
        self._show(self.fault, *self.fault.buttons[:1])

    def show_stopped(self) -> None:
        again = (_tr("Search again"), "arrow-clockwise", self.again_asked.emit)
        self._stopped.say("magnifying-glass", _tr("The search was stopped"), "", [again])
        self._show(self._stopped, *self._stopped.buttons)

    def _show(self, state: QWidget, focused: QWidget | None = None) -> None:
        self.patience.stop()
        self.show_state(state, focused)


class Footer(QWidget):
    """Under the list: how many there are so far, and whether more are to be had."""

    def __init__(self) -> None:
        super().__init__()
        self._words = label("", "caption")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 0)
        self._bar.setFixedWidth(120)
        self._bar.setAccessibleName(_tr("Asking for more models"))
        self.more = button(_tr("Show more"), lambda: None, role="ghost")
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 4, 8, 0)
        row.setSpacing(12)
        row.addWidget(self._words, 1)
        row.addWidget(self._bar)
        row.addWidget(self.more)
        self.show_count(0, is_all=True)

    @property
    def text(self) -> str:
        return self._words.text()

    @property
    def shows_fault(self) -> bool:
        """Then scrolling does not ask again, only the button does."""
        return bool(self._words.property("role") == "warning")

    def show_count(self, count: int, *, is_all: bool) -> None:
        told = _tr("{n} models, and that is all") if is_all else _tr("{n} models so far")
        if count == 1 and is_all:
            told = _tr("One model")
        self._show(told.format(n=count), "caption", can_ask=not is_all)
        self.more.setText(_tr("Show more"))

    def show_asking(self) -> None:
        self._bar.show()
        self.more.setEnabled(False)

    def show_fault(self, fault: EnvironmentFault) -> None:
        self._show(str(fault), "warning", can_ask=True)
        self.more.setText(_tr("Try again"))

    def _show(self, text: str, role: str, *, can_ask: bool) -> None:
        self._bar.hide()
        self._words.setText(text)
        self._words.setToolTip("")
        if self._words.property("role") != role:
            self._words.setProperty("role", role)
            self._words.style().unpolish(self._words)
            self._words.style().polish(self._words)
        self.more.setEnabled(True)
        self.more.setVisible(can_ask)


def _ignore(fault: EnvironmentFault) -> None:
    """Verdicts are an addition: without them the list is what it was."""


def _tr(text: str) -> str:
    return QCoreApplication.translate("HubPage", text)
