"""The Compare page: one prompt to two to four models, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QHideEvent, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout, QWidget

from app.compare import MAXIMUM_PANES, ComparisonPlan, PaneAnswer, plan_comparison
from app.compare.pairing import comparable, ladder, partner_of, quantizations_of_one, suggested_pair
from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl
from app.library import LibraryEntry, scan
from app.runtime import Sampling
from app.ui import jobs
from app.ui.notice import Action, Kind, NoticeArea
from app.ui.pages.compare_composer import Composer
from app.ui.pages.compare_empty import Empty
from app.ui.pages.compare_engine import Engine
from app.ui.pages.compare_figures import best_fields
from app.ui.pages.compare_panes import Pane, PaneDeck
from app.ui.pages.compare_picker import name_of
from app.ui.pages.compare_strip import Strip
from app.ui.pages.compare_turn import Turn
from app.ui.pages.compare_verdict import CUT_OFF, Said, judge
from app.ui.parts import ElidedLabel, button, icon_button, label, set_shortcut
from app.ui.services import Services

FEWEST_PANES = 2
PLAN_EVERY_MS = 2000
FIGURES_EVERY_MS = 250


@dataclass(frozen=True)
class Kept:
    """Answers that were cleared and can be brought back, with the models that gave them."""

    panes: tuple[tuple[LibraryEntry | None, list[Turn]], ...]

    def delete(self) -> None:
        for _, turns in self.panes:
            for turn in turns:
                turn.deleteLater()


class WholeLabel(ElidedLabel):
    """Shows nothing where there is no room for all of it."""

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.fontMetrics().horizontalAdvance(self.text()) <= self.contentsRect().width():
            super().paintEvent(event)


class ComparePage(QWidget):
    """`library_requested`: there are too few models, and the person wants to go and get some."""

    library_requested = Signal()

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._entries: list[LibraryEntry] | None = None
        self._scan_job: Job[list[LibraryEntry]] | None = None
        self._scan_again = False
        self._wanted: list[Path] | None = None
        self._asked: tuple[LibraryEntry | None, ...] = ()
        self._sampling = Sampling()
        self._plan: ComparisonPlan | None = None
        self._planning = False
        self._kept: Kept | None = None
        self.engine = Engine(self)
        self.notices = NoticeArea()
        self.strip = Strip()
        self.deck = PaneDeck()
        self.composer = Composer()
        self.empty = Empty()
        self._lay_out()
        self._connect()
        self.rescan()

    @property
    def panes(self) -> Sequence[Pane]:
        return self.deck.panes

    @property
    def running(self) -> bool:
        return self.engine.running

    # What the window asks for

    def compare_models(self, paths: Sequence[Path]) -> None:
        """Puts these models side by side; beside one alone another quantization of it."""
        self._wanted = list(paths)[:MAXIMUM_PANES]
        self.rescan()

    def rescan(self) -> None:
        """Looks for models, now or as soon as the look that is under way has ended."""
        if self._scan_job is not None:
            self._scan_again = True
            return
        sources = [self._services.folder.models, *self._services.preferences.model_folders]

        def work(control: JobControl) -> list[LibraryEntry]:
            return comparable(scan(sources, control.cancel))

        self._scan_job = jobs.run(
            self,
            "Look for models to compare",
            work,
            on_done=self._show_entries,
            on_failed=self.notices.show_fault,
            on_end=self._scan_ended,
        )

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._entries is not None:
            self.rescan()
        self._plan_timer.start()
        self.composer.box.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._plan_timer.stop()

    # Building

    def _lay_out(self) -> None:
        filled = QWidget()
        column = QVBoxLayout(filled)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        for part in (self.notices, self.strip, self.deck, self.composer):
            column.addWidget(part, 1 if part is self.deck else 0)
        self._body = QStackedWidget()
        self._filled = filled
        for page in (QWidget(), self.empty, filled):
            self._body.addWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 24, 24, 24)
        whole.setSpacing(16)
        whole.addLayout(self._make_header())
        whole.addWidget(self._body, 1)
        self._plan_timer = QTimer(self)
        self._plan_timer.setInterval(PLAN_EVERY_MS)
        self._figures_timer = QTimer(self)
        self._figures_timer.setInterval(FIGURES_EVERY_MS)

    def _make_header(self) -> QHBoxLayout:
        self._explanation = WholeLabel(self.tr("One prompt, the same seed and settings for every model"), "muted")
        self._explanation.setContentsMargins(0, 0, 0, 4)  # onto the title's baseline
        self.presets = button(
            self.tr("Presets"), self._open_presets, glyph="list", tip=self.tr("Models that belong side by side")
        )
        self._link = icon_button("link-simple", self.tr("Scroll all panes together"), lambda: None)
        self._link.setCheckable(True)
        set_shortcut(self._link, "Ctrl+L")
        self._link.toggled.connect(self._set_linked)
        self.add = button(
            self.tr("Add model"),
            self._add_pane,
            glyph="plus",
            tip=self.tr("Another pane, up to four"),
            shortcut="Ctrl+Shift+A",
        )
        self.new = button(
            self.tr("New comparison"),
            self.new_comparison,
            glyph="note-pencil",
            tip=self.tr("Clear the answers and begin again with the same models"),
            shortcut="Ctrl+N",
        )
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(label(self.tr("Compare"), "title"))
        row.addSpacing(4)
        row.addWidget(self._explanation, 1, Qt.AlignmentFlag.AlignBottom)
        for control in (self._link, self.presets, self.add, self.new):
            row.addWidget(control)
        self._controls = (self._link, self.presets, self.add, self.new)
        return row

    def _connect(self) -> None:
        self.composer.send_asked.connect(self.send)
        self.composer.stop_asked.connect(self.engine.stop)
        self.empty.library_asked.connect(self.library_requested)
        self.strip.jump_asked.connect(self.deck.show_differences)
        self.deck.picked.connect(self._model_picked)
        self.deck.remove_asked.connect(self._remove_pane)
        self.deck.retry_asked.connect(self._retry)
        self.engine.loading.connect(lambda index, fraction: self._turn(index).show_loading(fraction))
        self.engine.reading.connect(lambda index, done, total: self._turn(index).show_reading(done, total))
        self.engine.delta.connect(lambda index, text, tokens: self._turn(index).add_text(text, tokens))
        self.engine.finished.connect(self._pane_finished)
        self.engine.refused.connect(self._refused)
        self.engine.ended.connect(self._ended)
        self._plan_timer.timeout.connect(self._refresh_plan)
        self._figures_timer.timeout.connect(self._show_live_figures)
        self._services.preferences.changed.connect(self.rescan)

    # Models

    def _show_entries(self, entries: Sequence[LibraryEntry]) -> None:
        self._entries = list(entries)
        for pane in self.panes:
            pane.picker.set_entries(entries)
        if self._wanted is not None and not self.running:
            self._take_wanted()
        if not self.panes and len(entries) >= FEWEST_PANES:
            groups = quantizations_of_one(entries)
            self._set_models(suggested_pair(groups[0]) if groups else entries[:FEWEST_PANES])
        self.empty.show_count(len(entries))
        self._body.setCurrentWidget(self._filled if self.panes else self.empty)
        for control in self._controls:
            control.setVisible(bool(self.panes))
        self._settle()

    def _scan_ended(self) -> None:
        self._scan_job = None
        if self._scan_again:
            self._scan_again = False
            self.rescan()

    def _take_wanted(self) -> None:
        """Shows what `compare_models` was asked for, now that it is known what there is."""
        wanted, self._wanted = self._wanted or [], None
        known = {entry.path: entry for entry in self._entries or ()}
        models = [known[path] for path in wanted if path in known]
        for path in wanted:
            if path not in known:
                self.notices.show_message(
                    Kind.DANGER,
                    self.tr("{file} cannot be compared: it is not there any more.").format(file=path.name),
                    self.tr("Choose another model."),
                )
        if len(models) == 1 and (partner := partner_of(models[0], known.values())) is not None:
            models.append(partner)
        if len(models) >= FEWEST_PANES and models != [pane.entry for pane in self.panes]:
            self._clear(self.tr("A new comparison with these models."))
            self._set_models(models)

    def _set_models(self, models: Sequence[LibraryEntry]) -> None:
        while len(self.panes) > len(models):
            self.deck.remove_pane(self.panes[-1])
        while len(self.panes) < len(models):
            self._make_pane()
        for pane, entry in zip(self.panes, models, strict=True):
            pane.choose(entry)
        self._models_changed()

    def _make_pane(self) -> Pane:
        pane = self.deck.add_pane()
        pane.picker.set_entries(self._entries or ())
        return pane

    def _add_pane(self) -> None:
        if len(self.panes) == MAXIMUM_PANES:
            return
        self._clear(self.tr("A new comparison with one more model."))
        used = {pane.entry.path for pane in self.panes if pane.entry}
        left = [entry for entry in self._entries or () if entry.path not in used]
        first = self.panes[0].entry
        chosen = (partner_of(first, left) if first else None) or next(iter(left or self._entries or ()), None)
        pane = self._make_pane()
        if chosen is not None:
            pane.choose(chosen)
        self._models_changed()
        QTimer.singleShot(0, pane, lambda: self.deck.ensureWidgetVisible(pane))

    def _remove_pane(self, pane: Pane) -> None:
        if len(self.panes) == FEWEST_PANES or self.running:
            return
        index = self.panes.index(pane)
        self._asked = tuple(entry for at, entry in enumerate(self._asked) if at != index)
        self.deck.remove_pane(pane)
        self._models_changed()
        self._show_outcome()

    def _model_picked(self) -> None:
        self._clear(self.tr("A new comparison with another model."))
        self._models_changed()

    def _models_changed(self) -> None:
        """The loaded models are not those that are shown any more."""
        self._plan = None
        self.engine.close()
        self._settle()
        self._refresh_plan()

    def _open_presets(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for group in quantizations_of_one(self._entries or ()):
            sets = [list(suggested_pair(group))] + ([ladder(group)] if len(group) > 2 else [])
            for models in sets:
                names = self.tr(" against ").join(entry.quantization or "?" for entry in models)
                action = menu.addAction(f"{name_of(models[0])}: {names}")
                action.triggered.connect(lambda _=False, models=models: self._take_preset(models))
        if menu.isEmpty():
            menu.addAction(self.tr("No model here has two quantizations yet")).setEnabled(False)
            menu.addAction(self.tr("Make one in the library")).triggered.connect(self.library_requested)
        menu.popup(self.presets.mapToGlobal(self.presets.rect().bottomLeft()))

    def _take_preset(self, models: Sequence[LibraryEntry]) -> None:
        if not self.running:
            self._clear(self.tr("A new comparison with these models."))
            self._set_models(models)

    # Asking

    def send(self, prompt: str) -> None:
        """Puts the prompt to all panes."""
        if self.running or not self._ready:
            return
        self.notices.clear()
        self._forget_kept()
        self._sampling = self.composer.sampling
        self._asked = tuple(pane.entry for pane in self.panes)
        conversations = [pane.messages for pane in self.panes]
        at_once = self._plan.panes_at_once if self._plan else len(self.panes)
        for index, pane in enumerate(self.panes):
            pane.add_turn(prompt).show_waiting(its_turn=index >= at_once)
        self.composer.box.clear()
        everyone = range(len(self.panes))
        self.engine.ask(self._paths, conversations, prompt, self._sampling, everyone)
        self._begin()

    def new_comparison(self) -> None:
        """Clears the answers; the models stay loaded."""
        if not self.running:
            self._clear(self.tr("The answers were cleared."))
            self._settle()
            self.composer.box.setFocus()

    def _retry(self, pane: Pane) -> None:
        turn = pane.turn
        if turn is None or turn.under_way:
            return
        turn.begin_again()
        pane.show_figures()
        index = self.panes.index(pane)
        conversations = [each.messages for each in self.panes]
        conversations[index] = [message for each in pane.turns[:-1] for message in each.messages]
        self.engine.ask(self._paths, conversations, turn.prompt, self._sampling, [index])
        self._begin()

    def _begin(self) -> None:
        self._figures_timer.start()
        for pane in self.panes:
            if pane.turn is not None:
                pane.turn.note_difference("")
                pane.turn.answer.mark_difference(None)
            pane.show_figures()
        self._settle()

    def _pane_finished(self, index: int, answer: PaneAnswer) -> None:
        self._turn(index).finish(answer)
        self.panes[index].show_figures()
        self._show_progress()

    def _refused(self, indexes: Sequence[int], fault: EnvironmentFault) -> None:
        if len(indexes) < len(self.panes):
            for index in indexes:
                self._turn(index).fail(fault)
            return
        # Nothing was asked, so nothing stays but the prompt.
        self.composer.set_prompt(self._turn(0).prompt)
        for pane in self.panes:
            pane.drop_last_turn()
        self.notices.show_fault(fault)

    def _ended(self, indexes: Sequence[int]) -> None:
        for index in indexes:
            turn = self.panes[index].turn
            if turn is not None and turn.under_way:
                turn.finish(PaneAnswer(self._paths[index], turn.text, None))
        if self.running:
            self._show_progress()
            return
        self._figures_timer.stop()
        self._settle()
        self._show_outcome()
        self.composer.box.setFocus()
        if self._wanted is not None:
            self._take_wanted()

    # Clearing, and bringing back what was cleared

    def _clear(self, sentence: str) -> None:
        if not any(pane.turns for pane in self.panes):
            return
        self._forget_kept()
        first_prompt = next(pane.turns[0].prompt for pane in self.panes if pane.turns)
        asked = self._asked + (None,) * (len(self.panes) - len(self._asked))
        self._kept = Kept(tuple((entry, pane.take_turns()) for entry, pane in zip(asked, self.panes, strict=False)))
        if not self.composer.box.toPlainText().strip():
            self.composer.set_prompt(first_prompt)
        self.notices.show_message(
            Kind.INFO, sentence, "", Action(self.tr("Bring the answers back"), self._bring_back)
        )

    def _bring_back(self) -> None:
        kept, self._kept = self._kept, None
        if kept is None or self.running:
            return
        models = [entry for entry, _ in kept.panes if entry is not None]
        if models != [pane.entry for pane in self.panes]:
            self._set_models(models)
        for pane, (_, turns) in zip(self.panes, kept.panes, strict=True):
            pane.put_turns(turns)
        self._asked = tuple(models)
        self.composer.box.clear()
        self._settle()
        self._show_outcome()

    def _forget_kept(self) -> None:
        if self._kept is not None:
            self._kept.delete()
            self._kept = None

    # Showing how it stands

    @property
    def _ready(self) -> bool:
        return len(self.panes) >= FEWEST_PANES and all(pane.entry is not None for pane in self.panes)

    @property
    def _paths(self) -> list[Path]:
        return [pane.entry.path for pane in self.panes if pane.entry is not None]

    def _turn(self, index: int) -> Turn:
        turn = self.panes[index].turn
        assert turn is not None, "a pane that is asked has a turn"
        return turn

    def _settle(self) -> None:
        running = self.running
        for pane in self.panes:
            pane.set_busy(running, removable=len(self.panes) > FEWEST_PANES)
        asked = any(pane.turns for pane in self.panes)
        self.presets.setEnabled(not running)
        self.add.setEnabled(not running and len(self.panes) < MAXIMUM_PANES)
        self.new.setEnabled(not running and asked)
        self.composer.set_running(running)
        self.composer.set_ready(self._ready)
        if running:
            self._show_progress()
        elif not asked:
            self._show_plan()

    def _show_progress(self) -> None:
        turns = [pane.turn for pane in self.panes if pane.turn is not None]
        done = sum(not turn.under_way for turn in turns)
        if done == len(turns) and not self.running:
            return
        words = self.tr("Answering…")
        if done:
            words = self.tr("Answering… {done} of {n} done").format(done=done, n=len(turns))
        self.strip.show_words(words, self.strip.describe_mode(self._plan) if self._plan else "")

    def _show_live_figures(self) -> None:
        for pane in self.panes:
            if pane.turn is not None and pane.turn.under_way:
                pane.show_figures()

    def _show_outcome(self) -> None:
        """Where the last answers part, and which figures are the best."""
        turns = [(pane, pane.turn) for pane in self.panes if pane.turn is not None]
        if not turns or self.running:
            return
        counted = [(pane, turn) for pane, turn in turns if turn.counts]
        verdict = judge([Said(pane.badge.letter, turn.text, _is_cut_off(turn)) for pane, turn in counted])
        for pane, turn in turns:
            turn.answer.mark_difference(verdict.marks.get(pane.badge.letter))
            turn.note_difference(verdict.notes.get(pane.badge.letter, ""))
        best = best_fields([pane.current_figures if turn.counts else None for pane, turn in turns])
        for (pane, _), fields in zip(turns, best, strict=True):
            pane.show_figures(fields)
        if verdict.compared:
            self.strip.show_verdict(verdict.sentence, "git-branch" if verdict.parted else "equals", verdict.parted)
        else:
            self.strip.show_words(verdict.sentence)
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, verdict.sentence))

    def _show_plan(self) -> None:
        if not self._ready:
            self.strip.show_words(self.tr("Choose a model for every pane."))
        elif self.engine.comparison is not None and self._plan is not None:
            self.strip.show_words(self.tr("The models are loaded."), self.strip.describe_mode(self._plan))
        elif self._plan is not None:
            self.strip.show_plan(self._plan)

    def _refresh_plan(self) -> None:
        """What the panes will take; not once they are loaded, when what is free no longer includes it."""
        models = [pane.entry for pane in self.panes]
        facts = [entry.facts for entry in models if entry is not None and entry.facts is not None]
        if self._planning or not self._ready or self.engine.comparison is not None:
            return
        self._planning = True

        def work(control: JobControl) -> ComparisonPlan:
            return plan_comparison(facts)

        jobs.run(
            self,
            "Plan the comparison",
            work,
            on_done=lambda plan: self._planned(models, plan),
            on_end=self._planning_ended,
        )

    def _planned(self, models: Sequence[LibraryEntry | None], plan: ComparisonPlan) -> None:
        if models != [pane.entry for pane in self.panes] or self.engine.comparison is not None:
            return
        self._plan = plan
        for pane, estimate in zip(self.panes, plan.estimates, strict=True):
            pane.show_estimate(estimate)
        self._settle()

    def _planning_ended(self) -> None:
        self._planning = False
        if self._plan is None:
            self._refresh_plan()

    def _set_linked(self, linked: bool) -> None:
        self.deck.linked = linked


def _is_cut_off(turn: Turn) -> bool:
    return turn.statistics is None or turn.statistics.finish_reason in CUT_OFF
