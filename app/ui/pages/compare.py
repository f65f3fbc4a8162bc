"""The Compare page: one prompt to two to five models, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QMenu, QStackedWidget, QVBoxLayout, QWidget

from app.compare import MAXIMUM_PANES
from app.compare.pairing import partner_of
from app.library import LibraryEntry
from app.runtime import Sampling
from app.ui import links
from app.ui.notice import Kind, NoticeArea
from app.ui.pages.compare_asking import Asking
from app.ui.pages.compare_blind import BlindTests
from app.ui.pages.compare_clearing import Clearing
from app.ui.pages.compare_composer import Composer
from app.ui.pages.compare_engine import Engine
from app.ui.pages.compare_from_chat import FromChat
from app.ui.pages.compare_header import Header
from app.ui.pages.compare_models import Planner, Shelf, fill_presets
from app.ui.pages.compare_outcome import show_outcome
from app.ui.pages.compare_panes import Pane, PaneDeck
from app.ui.pages.compare_parts import Empty
from app.ui.pages.compare_sessions import Sessions
from app.ui.pages.compare_strip import Strip
from app.ui.pages.compare_text import TextComparison
from app.ui.pages.compare_timing import Timing
from app.ui.pages.compare_tokens import TokenByToken
from app.ui.pages.compare_turn import Turn
from app.ui.services import Services
from app.ui.spelling.marks import SpellMarks

if TYPE_CHECKING:  # with it comes Chat
    from app.compare.from_chat import Opening

FEWEST_PANES = 2
PLAN_EVERY_MS = 2000


class ComparePage(QWidget):
    """`library_requested`: there are too few models, and the person wants to go and get some; `guide_requested`:
    or to have the built-in one made. `chat_requested` carries what a pane has said (Taken), to go on in Chat."""

    library_requested = Signal()
    guide_requested = Signal()
    chat_requested = Signal(object)

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._wanted: list[Path] | None = None
        self.shelf = Shelf(services, self)
        self.planner = Planner(services.keeper, self)
        self.engine = Engine(services.keeper, self)
        self.header = Header()
        self.notices = NoticeArea()
        self.strip = Strip()
        self.deck = PaneDeck(services.is_built_in)
        self.composer = Composer()
        self.empty = Empty()
        self.from_chat = FromChat(self)
        self.asking = Asking(self)
        self.clearing = Clearing(self)
        self.tokens = TokenByToken(self)
        self.text = TextComparison(self)
        self.blind = BlindTests(self, services)
        self.spelling = SpellMarks(self.composer.box, services.speller)
        self._lay_out()
        self._connect()
        self.timing = Timing(self, services.preferences)
        self.sessions = Sessions(self, services)  # behind the page, which shows first what is then kept
        self.setFocusProxy(self.composer.box)  # what the page is for
        self.shelf.look()

    @property
    def panes(self) -> Sequence[Pane]:
        return self.deck.panes

    @property
    def sampling(self) -> Sampling:
        """What all panes were asked with last, unless they had settings of their own."""
        return self.asking.sampling

    @property
    def running(self) -> bool:
        return self.engine.running

    def compare_models(self, paths: Sequence[Path]) -> None:
        """Puts these models side by side; beside one alone another quantization of it."""
        self._wanted = list(paths)[:MAXIMUM_PANES]
        self.engine.stop()
        self.blind.leave()
        self.from_chat.drop_asked()
        self.shelf.look()

    def compare_chat(self, opening: Opening, other: Path) -> None:
        """Goes on with a conversation of Chat, with its model and another one."""
        self.from_chat.ask(opening, other)

    def compare_on(self, paths: Sequence[Path], prompt: str) -> None:
        """Puts these models side by side, with the prompt typed in: Enter asks them. Chance is left out of it."""
        self.compare_models(paths)
        self.composer.temperature.setValue(0.0)
        self.composer.set_prompt(prompt)

    def send(self, prompt: str) -> None:
        """Puts the prompt to all panes, or to the one that is chosen."""
        self.asking.send(prompt)

    def new_comparison(self) -> None:
        """Clears the answers; the models stay loaded."""
        if not self.running:
            self.clearing.clear(self.tr("The answers were cleared."))
            self.from_chat.put(None)
            self.settle()
            self.composer.box.setFocus()

    def go_on_with_wanted(self) -> None:
        """What was asked for while models answered."""
        if self._wanted is not None:
            self.take_wanted()

    def show_filled(self) -> None:
        """The panes, whatever was there before."""
        self._body.setCurrentWidget(self._filled)
        self.header.show_controls(True)
        self.settle()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.shelf.known:
            self.shelf.look()
        self._plan_timer.start()
        self.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._plan_timer.stop()

    # Building

    def _lay_out(self) -> None:
        self._filled = QWidget()
        column = QVBoxLayout(self._filled)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        for part in (self.notices, self.strip, self.deck, self.text.lines, self.composer):
            column.addWidget(part, 1 if part in (self.deck, self.text.lines) else 0)
        self._body = QStackedWidget()
        for page in (QWidget(), self.empty, self._filled):
            self._body.addWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 24, 24, 24)
        whole.setSpacing(16)
        whole.addWidget(self.header)
        whole.addWidget(self._body, 1)
        whole.addWidget(self.blind.view, 1)
        self._plan_timer = QTimer(self)
        self._plan_timer.setInterval(PLAN_EVERY_MS)

    def _connect(self) -> None:
        self.shelf.filled.connect(self._show_models)
        self.shelf.failed.connect(self.notices.show_fault)
        self.planner.planned.connect(self._show_estimates)
        self.composer.send_asked.connect(self.send)
        self.composer.stop_asked.connect(self.engine.stop)
        self.composer.same.toggled.connect(self._share_settings)
        self.composer.same.toggled.connect(self.header.show_shared)
        self.empty.library_asked.connect(self.library_requested)
        self.empty.guide_asked.connect(self.guide_requested)
        self.strip.tokens_asked.connect(self.tokens.ask)
        self.header.linked.connect(self.deck.set_linked)
        self.header.presets_asked.connect(self._open_presets)
        self.header.add_asked.connect(self._add_pane)
        self.header.new_asked.connect(self.new_comparison)
        self.deck.picked.connect(self._model_picked)
        self.deck.remove_asked.connect(self._remove_pane)
        self.deck.retry_asked.connect(self.asking.retry)
        self.deck.version_shown.connect(self.asking.other_version_shown)
        self.deck.stop_asked.connect(lambda pane: self.engine.stop_pane(self.panes.index(pane)))
        self.deck.link_asked.connect(lambda address: links.ask_about_written(self.notices, address))
        self.engine.loading.connect(lambda index, fraction: self.turn(index).show_loading(fraction))
        self.engine.reading.connect(lambda index, done, total: self.turn(index).show_reading(done, total))
        self.engine.delta.connect(lambda index, text, tokens: self.turn(index).add_text(text, tokens))
        self.engine.finished.connect(self.asking.finished)
        self.engine.refused.connect(self.asking.refused)
        self.engine.ended.connect(self.asking.ended)
        self.engine.unloaded.connect(self._refresh_plan)
        self.engine.unreturned.connect(self.notices.show_news)
        self._plan_timer.timeout.connect(self._refresh_plan)

    # Which models

    def _show_models(self) -> None:
        entries = self.shelf.entries
        for pane in self.panes:
            pane.picker.set_entries(entries)
        if self._wanted is not None and not self.running:
            self.take_wanted()
        if not self.panes and len(entries) >= FEWEST_PANES:
            self.set_models(self.shelf.suggestion)
        if not self.panes:
            self.empty.show_count(len(entries), self.shelf.can_make_guide)
            self._body.setCurrentWidget(self.empty)
        elif self._body.currentWidget() is not self._filled:
            self._body.setCurrentWidget(self._filled)
            self.composer.box.setFocus()
        self.header.show_controls(bool(self.panes))
        self.settle()

    def take_wanted(self) -> None:
        """Shows what `compare_models` was asked for, now that it is known what there is."""
        wanted, self._wanted = self._wanted or [], None
        known = {entry.path: entry for entry in self.shelf.entries}
        models = [known[path] for path in wanted if path in known]
        if len(models) == 1 and (partner := partner_of(models[0], known.values())) is not None:
            models.append(partner)
        asked = self.from_chat.is_asked
        if asked and len(models) < len(wanted):
            self.from_chat.drop_asked()
        elif len(models) >= FEWEST_PANES and (models != self.models or asked):
            self.clearing.clear(self.tr("A new comparison with these models."))
            self.from_chat.put(None)
            self.set_models(models)
        self.from_chat.begin()
        for path in wanted:
            if path not in known:
                self.notices.show_message(
                    Kind.DANGER,
                    self.tr("{file} cannot be compared: it is not there any more.").format(file=path.name),
                    self.tr("Choose another model."),
                )

    def set_models(self, models: Sequence[LibraryEntry]) -> None:
        while len(self.panes) > len(models):
            self.deck.remove_pane(self.panes[-1])
        while len(self.panes) < len(models):
            self.deck.add_pane(self.shelf.entries)
        for pane, entry in zip(self.panes, models, strict=True):
            if entry not in self.shelf.entries:
                pane.picker.set_entries([*self.shelf.entries, entry])
            pane.choose(entry)
        self._models_changed()

    def _add_pane(self) -> None:
        if len(self.panes) == MAXIMUM_PANES:
            return
        used = {entry.path for entry in self.models}
        left = [entry for entry in self.shelf.entries if entry.path not in used] or self.shelf.entries
        added = partner_of(self.models[0], left) or self.models[0]
        self.clearing.clear(self.tr("A new comparison with one more model."))
        pane = self.deck.add_pane([*self.shelf.entries, added])
        pane.choose(added)
        self._models_changed()
        QTimer.singleShot(0, pane, lambda: self.deck.ensureWidgetVisible(pane))

    def _remove_pane(self, pane: Pane) -> None:
        if len(self.panes) == FEWEST_PANES or self.running:
            return
        self.sessions.leave()  # the one that is kept has all panes
        self.deck.remove_pane(pane)
        self._models_changed()
        self.show_outcome()

    def _model_picked(self) -> None:
        self.clearing.clear(self.tr("A new comparison with another model."))
        self._models_changed()

    def _models_changed(self) -> None:
        """The loaded models are not those that are shown any more."""
        self.planner.drop()
        self.engine.close()
        self.from_chat.follow()
        self._share_settings(self.composer.same.isChecked())
        self.settle()
        self._refresh_plan()

    def _share_settings(self, same: bool) -> None:
        for pane in self.panes:
            if same:
                pane.settings.hide()
            elif pane.settings.isHidden():
                pane.settings.begin(self.composer.sampling)

    def timing_changed(self) -> None:
        """Models are loaded anew with other threads when they are asked next."""
        if not self.running:
            self.planner.drop()
            self.engine.close()
            self._refresh_plan()

    def _open_presets(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        fill_presets(menu, self.shelf.entries, self._take_preset, self.library_requested.emit)
        presets = self.header.presets
        menu.popup(presets.mapToGlobal(presets.rect().bottomLeft()))

    def _take_preset(self, models: Sequence[LibraryEntry]) -> None:
        if not self.running and list(models) != self.models:
            self.clearing.clear(self.tr("A new comparison with these models."))
            self.set_models(models)

    # Showing how it stands

    def show_panes(self, shown: bool = True) -> None:
        """Or what a blind test shows in their place."""
        for part in (self.header, self._body):
            part.setVisible(shown)
        self.setFocusProxy(self.composer.box if shown else self.blind.view)
        self.settle()

    @property
    def models(self) -> list[LibraryEntry]:
        return [pane.entry for pane in self.panes if pane.entry is not None]

    @property
    def paths(self) -> list[Path]:
        return [entry.path for entry in self.models]

    def turn(self, index: int) -> Turn:
        turn = self.panes[index].turn
        assert turn is not None, "a pane that is asked has a turn"
        return turn

    def settle(self) -> None:
        running = self.running
        for pane in self.panes:
            pane.set_busy(running, removable=len(self.panes) > FEWEST_PANES)
        asked = any(pane.turns for pane in self.panes)
        self.header.set_possible(
            change=not running,
            add=not running and len(self.panes) < MAXIMUM_PANES,
            new=not running and (asked or self.from_chat.begun is not None),
        )
        self.header.fair.setEnabled(not running)
        self.header.blind.setEnabled(self.blind.can_open())
        self.composer.set_running(running)
        self.composer.set_panes("".join(pane.badge.letter for pane in self.panes))
        self.composer.set_ready(bool(self.panes))
        if running:
            self.show_progress()
        elif not asked:
            self._show_plan()

    def show_progress(self) -> None:
        turns = [pane.turn for pane in self.panes if pane.turn is not None and pane.turn.was_asked]
        done = sum(not turn.under_way for turn in turns)
        words = self.tr("Answering…")
        if done:
            words = self.tr("Answering… {done} of {n} done").format(done=done, n=len(turns))
        self.strip.show_busy(words, self.planner.plan)

    def show_measuring(self, done: int, total: int) -> None:
        """While it is found out how the models differ, which one does after the other."""
        words = self.tr("Comparing token by token… {percent} %").format(percent=100 * done // max(total, 1))
        self.settle()
        self.strip.show_busy(words, None)

    def show_outcome(self) -> None:
        verdict = show_outcome(self.panes)
        if verdict is None:
            return
        if verdict.compared:
            self.strip.show_verdict(
                verdict.sentence, "git-branch" if verdict.parted else "equals", verdict.parted
            )
        else:
            self.strip.show_words(verdict.sentence)
        self.text.compare()
        for pane in self.panes:
            pane.figures.say_how_taken()
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, verdict.sentence))

    def _show_plan(self) -> None:
        if self.engine.loaded:
            self.strip.show_words(self.tr("The models are loaded."), self.planner.plan)
        elif self.planner.plan is not None:
            self.strip.show_plan(self.planner.plan)

    def _refresh_plan(self) -> None:
        """What the panes will take; not once they are loaded, when what is free no longer includes it."""
        if not self.engine.loaded:
            self.planner.work_out(self.models)

    def _show_estimates(self) -> None:
        plan = self.planner.plan
        if plan is not None and not self.engine.loaded:
            for pane, estimate in zip(self.panes, plan.memory.estimates, strict=True):
                pane.show_estimate(estimate)
            self.settle()
