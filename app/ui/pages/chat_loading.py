"""How Chat's model is loaded: the panel with what is chosen, and the time after which an idle model leaves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.ui.idle import IdleWatch
from app.ui.latest import Latest
from app.ui.pages.chat_answering import Answering
from app.ui.pages.chat_known import KnownModels
from app.ui.pages.chat_layout import ChatLayout
from app.ui.services import Services

if TYPE_CHECKING:
    from app.gguf import ModelFacts
    from app.recommend.choices import LoadChoices
    from app.recommend.outlook import Outlook


class ChatLoading(QObject):
    """Reads about a model only while the panel is to be seen."""

    def __init__(
        self, services: Services, page: ChatLayout, answering: Answering, known: KnownModels
    ) -> None:
        super().__init__(page)
        self._services, self._known = services, known
        self._answering = answering
        self._panel, self._head, self._notices = page.load_panel, page.head, page.notices
        self._path: Path | None = None
        self._title = ""
        self._facts: ModelFacts | None = None
        self._latest = Latest(self)
        self._idle = IdleWatch(self)
        self._idle.unloaded.connect(self._tell_unloaded)
        self._panel.opened.connect(self.read)
        self._panel.changed.connect(self._work_out)
        self._panel.apply_asked.connect(self._apply)
        answering.changed.connect(self._follow)
        answering.unreturned.connect(self._notices.show_news)

    @property
    def is_reading(self) -> bool:
        return self._latest.is_asking

    def unload_now(self) -> None:
        """Unloads the model if its time is up."""
        self._idle.unload()

    def show_model(self, path: Path | None, title: str) -> None:
        """The chat's model is another, or more is known about it."""
        if path != self._path:
            self._head.show_resting("")
            self._facts = None
        elif self._facts is not None and title == self._title:
            return
        self._path, self._title = path, title
        if not self._panel.isHidden():
            self.read()

    def read(self) -> None:
        """What was chosen for the model, and what it comes to now."""
        path = self._path
        if path is None:
            self._panel.clear(self.tr("Choose a model first."))
            return
        if self._facts is None:
            self._panel.clear(self.tr("Reading the model"))
        keeper, database = self._services.keeper, self._services.folder.database
        title = self._services.chat_engine.title

        def work(control: JobControl) -> tuple[LoadChoices, Outlook | EnvironmentFault, Outlook]:
            from app.gguf import read_facts
            from app.recommend.choices import LoadChoices, read_choices
            from app.recommend.outlook import outlook_of

            facts, chosen = read_facts(path), read_choices(database, path)
            plain = outlook_of(keeper, title, facts, LoadChoices(), database)
            try:
                return chosen, outlook_of(keeper, title, facts, chosen, database), plain
            except EnvironmentFault as fault:  # an adapter is gone, say, which can be chosen otherwise here
                return chosen, fault, plain

        self._latest.ask("Read how a model is loaded", work, self._show, self._show_unreadable)

    # What comes back

    def _show(self, found: tuple[LoadChoices, Outlook | EnvironmentFault, Outlook]) -> None:
        chosen, outlook, plain = found
        self._facts = plain.facts
        self._panel.show_model(
            self._title, chosen, plain if isinstance(outlook, EnvironmentFault) else outlook
        )
        if isinstance(outlook, EnvironmentFault):
            self._panel.show_fault(outlook)
        self._follow()

    def _show_unreadable(self, fault: EnvironmentFault) -> None:
        self._panel.clear(str(fault))

    def _work_out(self, choices: LoadChoices) -> None:
        facts = self._facts
        if facts is None:
            return
        keeper, database = self._services.keeper, self._services.folder.database
        title = self._services.chat_engine.title

        def work(control: JobControl) -> Outlook:
            from app.recommend.outlook import outlook_of

            return outlook_of(keeper, title, facts, choices, database)

        self._latest.ask(
            "Work out how a model would be loaded", work, self._panel.show_outlook, self._panel.show_fault
        )

    def _apply(self, choices: LoadChoices) -> None:
        path, engine = self._path, self._services.chat_engine
        if path is None:
            return
        was_loaded = self._answering.is_loaded(path)
        try:
            engine.choose(path, choices)
        except EnvironmentFault as fault:
            self._notices.show_fault(fault)
            return
        except OSError as error:
            from app.core.errors import from_os_error

            self._notices.show_fault(from_os_error(error, path))
            return
        self._known.look(path)
        if was_loaded and not self._answering.is_loaded(path):
            self._answering.prepare(path)
        self._follow()

    def _follow(self) -> None:
        """What is loaded, loading or being answered is another."""
        self._panel.show_loaded(self._path is not None and self._answering.is_loaded(self._path))
        is_busy = self._answering.loading is not None or self._answering.conversation is not None
        if is_busy or (self._path is not None and self._answering.is_loaded(self._path)):
            self._head.show_resting("")
        self._idle.look(None if is_busy else self._services.chat_engine)

    def _tell_unloaded(self) -> None:
        minutes = self._services.chat_engine.kept_minutes
        if not minutes:
            words = self.tr("Unloaded after the answer")
        elif minutes == 1:
            words = self.tr("Unloaded after 1 idle minute")
        else:
            words = self.tr("Unloaded after {n} idle minutes").format(n=minutes)
        self._head.show_resting(words, self.tr("loads again at the next prompt"))
        self._answering.changed.emit()
