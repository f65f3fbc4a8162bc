"""The staircase of one model: a step for each quantization, and the context that moves them all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.ui.context_slider import ContextSlider
from app.ui.memory_bar import Legend, zones_of
from app.ui.pages import discover_words as words
from app.ui.pages.discover_alternatives import Alternatives
from app.ui.pages.discover_getting import Getting, Offer
from app.ui.pages.discover_step import StepRow, StepTitles
from app.ui.parts import ElidedLabel, Glyph, card, icon_button, label, with_keys

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.recommend.budget import Budget
    from app.recommend.catalogue import CatalogueModel
    from app.recommend.choose import Recommendation
    from app.recommend.ranking import Choice


SETTLING_MS = 300


class StaircaseView(QWidget):
    """`context_chosen` carries tokens, `chat_asked` a file, `page_asked` a repository on Hugging Face, `get_asked` and
    `stop_asked` a quantization, `model_asked` the id of another model; `downloads_asked`: show them."""

    closed = Signal()
    model_asked = Signal(str)
    context_chosen = Signal(int)
    chat_asked = Signal(object)
    page_asked = Signal(str)
    get_asked = Signal(str)
    stop_asked = Signal(str)
    downloads_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._model: CatalogueModel | None = None
        self._files: Mapping[str, Path] = {}
        self._getting: Mapping[str, Getting] = {}
        self._title = ElidedLabel("", "title")
        self._facts = ElidedLabel("", "muted")
        self._facts.setContentsMargins(0, 0, 0, 4)  # onto the title's baseline
        self.slider = ContextSlider()
        self.slider.chosen.connect(self.context_chosen)
        self.reason = Reason()
        self.rows: list[StepRow] = []
        self.alternatives = Alternatives()
        self.alternatives.context_asked.connect(self.slider.choose)
        self.alternatives.model_asked.connect(self.model_asked)
        self._legend = Legend()
        self._column = QVBoxLayout()
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self.alternatives)
        self._column.addStretch()
        inside = QWidget()
        inside.setLayout(self._column)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(inside)
        self._scroll.verticalScrollBar().rangeChanged.connect(self._keep_best_in_sight)
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLING_MS)
        self._titles = StepTitles(self._scroll.viewport())
        self._lay_out()
        self.setFocusProxy(self.slider)
        QShortcut(
            QKeySequence(Qt.Key.Key_Escape),
            self,
            self.closed.emit,
            context=Qt.ShortcutContext.WidgetWithChildrenShortcut,
        )

    @property
    def model(self) -> CatalogueModel | None:
        """The one that is shown."""
        return self._model

    @property
    def model_id(self) -> str:
        """Of the model that is shown, or empty."""
        return self._model.id if self._model is not None else ""

    def open(self, choice: Choice, budget: Budget, context: int, longest: int) -> None:
        """Shows a model from its top; `context`: what the slider stands at, `longest`: what the model takes."""
        self._model = choice.model
        self._title.setText(choice.model.name)
        self._title.setToolTip("")
        self._facts.setText(_facts(choice.model, longest))
        self._facts.setToolTip("")
        self.slider.set_stops(words.contexts_of(longest), longest, context)
        self.show_choice(choice, budget)
        self._scroll.verticalScrollBar().setValue(0)
        self._settling.start()
        self._keep_best_in_sight()

    def close_model(self) -> None:
        self._model = None

    def show_choice(self, choice: Choice, budget: Budget) -> None:
        """Moves every bar; for the model that is open, at another context or on a machine that has changed."""
        found = choice.recommendation
        if len(found.steps) != len(self.rows):
            self._make_rows(len(found.steps))
        zones = zones_of(budget)
        self._titles.set_zones(zones)
        for place, (row, step) in enumerate(zip(self.rows, found.steps, strict=True)):
            is_new = row.step is None or row.step.quantization != step.quantization
            row.show_step(step, budget, zones, is_best=place == found.best and step.fit.free_bytes >= 0)
            if is_new:
                self._offer(row)
        self.reason.show_reason(found)
        self.alternatives.show_alternatives(found.alternatives, self.slider.context)

    def set_files(self, files: Mapping[str, Path]) -> None:
        """The files of the open model that are in the library, by quantization."""
        self._files = files
        for row in self.rows:
            self._offer(row)

    def set_getting(self, getting: Mapping[str, Getting]) -> None:
        """What comes of the open model, by quantization."""
        self._getting = getting
        for row in self.rows:
            self._offer(row)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._legend.fit_into(self.width() // 2)

    def _keep_best_in_sight(self) -> None:
        """While the steps of a model that was just opened get their places."""
        best = next((row for row in self.rows if row.is_best), None)
        if best is not None and self._settling.isActive():
            self._scroll.ensureWidgetVisible(best, 0, best.height())

    def _offer(self, row: StepRow) -> None:
        if self._model is not None and row.step is not None:
            name = row.step.quantization
            file, getting = self._files.get(name), self._getting.get(name)
            row.offer(Offer(file, getting, repository(self._model), is_original=not self._model.gguf))

    def _make_rows(self, count: int) -> None:
        for row in self.rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows = [StepRow() for _ in range(count)]
        for place, row in enumerate(self.rows):
            row.chat_asked.connect(self.chat_asked)
            row.page_asked.connect(self._ask_for_page)
            row.get_asked.connect(self.get_asked)
            row.stop_asked.connect(self.stop_asked)
            row.downloads_asked.connect(self.downloads_asked)
            self._column.insertWidget(place, row)

    def _ask_for_page(self) -> None:
        if self._model is not None:
            self.page_asked.emit(repository(self._model))

    def _lay_out(self) -> None:
        keys = QKeySequence(Qt.Key.Key_Escape)
        name = self.tr("All models")
        back = icon_button("arrow-left", name, self.closed.emit, tip=with_keys(name, keys))
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(back)
        head.addWidget(self._title)
        head.addSpacing(4)
        head.addWidget(self._facts, 1, Qt.AlignmentFlag.AlignBottom)
        context = QHBoxLayout()
        context.setSpacing(16)
        context.addWidget(label(self.tr("Context"), "strong"), 0, Qt.AlignmentFlag.AlignTop)
        context.addWidget(self.slider, 20)
        context.addStretch(1)
        context.addWidget(self._legend, 0, Qt.AlignmentFlag.AlignTop)
        steps = QVBoxLayout()
        steps.setContentsMargins(8, 8, 4, 8)
        steps.setSpacing(4)
        steps.addWidget(self._titles)
        steps.addWidget(self._scroll, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addLayout(head)
        column.addLayout(context)
        column.addWidget(self.reason)
        column.addWidget(card(steps), 1)


class Reason(QFrame):
    """Which step to take and why, with what there is to warn of."""

    def __init__(self) -> None:
        super().__init__()
        self._role = ""
        self._glyphs = {
            "notice-info": Glyph("star-fill", "accent"),
            "notice-danger": Glyph("x-circle", "danger"),
        }
        self._title = label("", "strong")
        self._reason = label("", wrap=True)
        self._warning = label("", "warning", wrap=True)
        self._guess = label(
            self.tr("The memory that this kind of model needs for its context is not known: a guess."),
            "caption",
            wrap=True,
        )
        text = QVBoxLayout()
        text.setSpacing(2)
        for each in (self._title, self._reason, self._warning, self._guess):
            each.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            text.addWidget(each)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 10, 16, 10)
        row.setSpacing(12)
        for glyph in self._glyphs.values():
            row.addWidget(glyph, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(text, 1)

    def show_reason(self, found: Recommendation) -> None:
        fits = found.step.fit.free_bytes >= 0
        self._dress("notice-info" if fits else "notice-danger")
        name = found.step.quantization
        title = self.tr("Recommended: {quantization}") if fits else self.tr("Too big for this computer")
        self._title.setText(title.format(quantization=name))
        self._reason.setText(found.reason)
        self._warning.setText(found.warning)
        self._warning.setVisible(bool(found.warning) and fits)
        self._guess.setVisible(found.step.need.is_guess)
        self.setAccessibleName(f"{self._title.text()}. {found.reason} {found.warning}".strip())

    def _dress(self, role: str) -> None:
        if role == self._role:
            return
        self._role = role
        self.setProperty("role", role)
        self.style().unpolish(self)
        self.style().polish(self)
        for each, glyph in self._glyphs.items():
            glyph.setVisible(each == role)


def repository(model: CatalogueModel) -> str:
    """Where its GGUF files are, or else the original."""
    return model.gguf[0] if model.gguf else model.repository


def _facts(model: CatalogueModel, longest: int) -> str:
    facts = [words.maker(model), words.parameters(model), model.released]
    if longest:
        facts.append(words.context_name(longest))
    return " · ".join([*filter(None, facts), model.licence])
