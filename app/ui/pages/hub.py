"""Hugging Face inside Discover: a search, and one repository of what it finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt, QUrl, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.core.jobs import JobControl
from app.ui import links
from app.ui.latest import Latest
from app.ui.notice import Kind, NoticeArea
from app.ui.pages.hub_judging import Circumstances
from app.ui.pages.hub_repository import RepositoryPage
from app.ui.pages.hub_search import HubSearch
from app.ui.services import Services

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.hub import HubReference


class HubView(QStackedWidget):
    """Nothing is asked of the Hub before `look_for` or `open`.

    `chat_requested` carries a file, `get_requested` a HubRepository and one of its Variants, `make_requested` a
    HubRepository, its OriginalCheckpoint and a MakeOrder, `context_chosen` tokens; `settings_requested`:
    where the access token is; `downloads_requested`: show them. `circumstances` are those of verdicts, None while this
    computer is not known.
    """

    closed = Signal()
    chat_requested = Signal(object)
    get_requested = Signal(object, object)
    make_requested = Signal(object, object, object)
    downloads_requested = Signal()
    context_chosen = Signal(int)
    settings_requested = Signal()

    def __init__(
        self, services: Services, circumstances: Callable[[], Circumstances | None], notices: NoticeArea
    ) -> None:
        super().__init__()
        self._circumstances = circumstances
        self._notices = notices
        self._understanding = Latest(self)
        self.search = HubSearch(circumstances)
        self.repository = RepositoryPage(services, circumstances)
        for part in (self.search, self.repository):
            self.addWidget(part)
        self._connect()

    def look_for(self, text: str) -> None:
        """Opens the repository that `text` names, or else searches for its words."""
        self.repository.stop()
        self._show(self.search)
        self.search.begin(text)

        def work(control: JobControl) -> HubReference | None:
            from app.hub import parse_reference

            return parse_reference(text)

        self._understanding.ask("Understand what is looked for", work, self._go_on, self.search.show_fault)

    def open(self, id: str) -> None:
        """Shows a repository, from which the way back is to what was found before."""
        from app.hub import HubReference

        self._show(self.repository)
        self.repository.open(HubReference(id, ""))

    def judge(self) -> None:
        """For this computer as it is now, and the context that is chosen."""
        here = self._circumstances()
        if here is not None:
            self.repository.head.show_context(here.context)
        self.search.judge()
        self.repository.judge()

    def go_to_search(self) -> None:
        """To the words that are searched for."""
        if self.currentWidget() is self.repository:
            self._back()
        self.search.bar.words.setFocus()
        self.search.bar.words.selectAll()

    def stop(self) -> None:
        """Nobody waits for an answer any more."""
        self._understanding.drop()
        self.repository.stop()
        if self.search.is_asking:
            self.search.stop()

    def _go_on(self, reference: HubReference | None) -> None:
        if reference is None:
            self.search.search()
            return
        self._show(self.repository)
        self.repository.open(reference)

    def _back(self) -> None:
        """From a repository to what was found; where nothing was searched for, to where the person came from."""
        self.repository.stop()
        if self.search.wish is None:
            self.closed.emit()
        else:
            self._show(self.search)
            self.search.resume()

    def _show(self, part: QWidget) -> None:
        self.setCurrentWidget(part)
        self.setFocusProxy(part)
        if self.isVisible():
            part.setFocus()

    def _search_for(self, words: str) -> None:
        self._show(self.search)
        self.search.bar.clear_filters()
        self.search.bar.words.setText(words)
        self.search.bar.has_gguf.setChecked(True)
        self.search.search()

    def _ask_to_open(self, address: str) -> None:
        question = _tr("Open this page of Hugging Face in your browser?")
        links.ask_to_open(self._notices, address, question)

    def _ask_about_link(self, address: str) -> None:
        """A stranger wrote it: the person sees where it leads before anything is opened."""
        if QUrl(address).scheme() in ("http", "https", "mailto"):
            links.ask_to_open(self._notices, address, _tr("Open this link outside Nibble?"))
            return
        sentence = _tr("This link leads to nothing that can be opened.")
        self._notices.show_message(Kind.INFO, sentence, links.shortened(address))

    def _connect(self) -> None:
        self.search.asked.connect(self.look_for)
        self.search.opened.connect(self.open)
        self.search.closed.connect(self.closed)
        self.repository.closed.connect(self._back)
        self.repository.search_asked.connect(self._search_for)
        self.repository.facts_read.connect(self.search.remember)
        self.repository.link_asked.connect(self._ask_about_link)
        self.repository.chat_requested.connect(self.chat_requested)
        self.repository.get_requested.connect(self.get_requested)
        self.repository.make_requested.connect(self.make_requested)
        self.repository.downloads_requested.connect(self.downloads_requested)
        self.repository.head.context_chosen.connect(self.context_chosen)
        for part in (self.search, self.repository):
            part.page_asked.connect(self._ask_to_open)
            part.settings_asked.connect(self.settings_requested)
        context = Qt.ShortcutContext.WidgetWithChildrenShortcut
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self.repository, self._back, context=context)


def _tr(text: str) -> str:
    return QCoreApplication.translate("HubPage", text)
