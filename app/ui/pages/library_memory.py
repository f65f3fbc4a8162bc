"""What a model would take in this computer's memory with a context that a person chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core.units import format_bytes
from app.ui import fit_words
from app.ui.context_slider import ContextSlider
from app.ui.memory_use import UseBar, VerdictLine
from app.ui.parts import label

if TYPE_CHECKING:  # the engine comes with the job that reads the header
    from app.gguf import ModelFacts
    from app.recommend.budget import Budget
    from app.recommend.fit import Fit


class MemoryView(QWidget):
    """Empty until both the model's header and the computer are known."""

    def __init__(self) -> None:
        super().__init__()
        self._facts: ModelFacts | None = None
        self._budget: Budget | None = None
        self._fit: Fit | None = None
        self.slider = ContextSlider()
        self.slider.chosen.connect(lambda context: self._work_out())
        self._verdict = VerdictLine()
        self._meaning = label("", "caption", wrap=True)
        self._bar = UseBar()
        self._parts = label("", "caption", wrap=True)
        self._guess = label(
            _tr("The memory that this kind of model needs for its context is not known: a guess."),
            "warning",
            wrap=True,
        )
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(label(_tr("Context"), "strong"))
        head.addWidget(self.slider, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(head)
        for part in (self._verdict, self._meaning, self._bar, self._parts, self._guess):
            column.addWidget(part)
        self.hide()

    @property
    def fit(self) -> Fit | None:
        """What is shown."""
        return self._fit

    def clear(self) -> None:
        self._facts = self._fit = None
        self.hide()

    def show_model(self, facts: ModelFacts) -> None:
        longest = facts.context_length or 0
        self._facts = facts
        self.slider.set_stops(fit_words.contexts_of(longest), longest, fit_words.USUAL_CONTEXT)
        self._work_out()

    def show_budget(self, budget: Budget) -> None:
        self._budget = budget
        self._work_out()

    def _work_out(self) -> None:
        facts, budget = self._facts, self._budget
        if facts is None or budget is None:
            return
        from app.recommend.fit import fit
        from app.recommend.need import need_of
        from app.runtime.protocol import LoadSettings

        context = min(self.slider.context, facts.context_length or self.slider.context)
        need = need_of(facts, LoadSettings(context_length=context))
        placed = fit(need, budget)
        self._fit = placed
        self._verdict.show_verdict(placed)
        told = [fit_words.verdict_meaning(placed.verdict)]
        if placed.free_bytes >= 0:
            told.append(
                _tr("{speed}, {basis}.").format(
                    speed=fit_words.speed_range(placed), basis=fit_words.speed_basis(placed)
                )
            )
        self._meaning.setText(" ".join(told))
        self._meaning.setToolTip(fit_words.speed_explained(placed))
        self._bar.show_use(need, placed, budget)
        self._parts.setText(
            _tr("{used} in use: weights {weights}, context {context}, working space {working}").format(
                used=fit_words.in_use(placed, budget),
                weights=format_bytes(need.weights_bytes),
                context=format_bytes(need.kv_bytes),
                working=format_bytes(need.compute_bytes),
            )
        )
        self._parts.setToolTip(fit_words.in_use_exactly(placed, budget))
        self._guess.setVisible(need.is_guess)
        self.show()


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
