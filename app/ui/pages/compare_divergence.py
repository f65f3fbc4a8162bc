"""The window that shows where two models part ways on one answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from app.compare import DivergenceFigures, divergence_figures
from app.compare.token_words import nats
from app.runtime.protocol import TokenDivergence
from app.ui.pages.divergence_chart import DivergenceChart
from app.ui.pages.divergence_details import DivergenceDetails
from app.ui.pages.divergence_text import DivergenceText
from app.ui.parts import button, card, label, without_mnemonics

SIZE_PX = (960, 600)
DETAILS_PX = 360


class DivergenceWindow(QDialog):
    """An answer of the model called `reference`, and how the one called `other` differs at each of its tokens. Not
    modal: the panes stay in reach.

    `what_if`: an answer is wanted that goes on from the token of that index; by the other model where True, and from
    another token in its place where that is not -1.
    """

    what_if = Signal(int, bool, int)

    def __init__(
        self, reference: str, other: str, tokens: Sequence[TokenDivergence], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self.setWindowTitle(self.tr("{other} beside {reference}").format(other=other, reference=reference))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(False)
        self.text = DivergenceText()
        self.chart = DivergenceChart()
        self.details = DivergenceDetails(reference, other)
        self.before = button(self.tr("Previous difference"), lambda: self._jump(-1))
        self.after = button(self.tr("Next difference"), lambda: self._jump(1))
        self._current = 0
        self.go_on = [
            button(
                self.tr("Go on with {model}").format(model=without_mnemonics(name)),
                partial(self._what_if, is_other),
                tip=self.tr("What if this model had written on from here? Another answer, in its pane"),
            )
            for is_other, name in enumerate((reference, other))
        ]
        self._lay_out(reference, other, divergence_figures(tokens))
        room = parent.window().size() if parent is not None else QSize(*SIZE_PX)
        self.resize(QSize(*SIZE_PX).boundedTo(room))
        self.text.show_tokens(tokens)
        self.chart.show_tokens(tokens)
        self.text.chosen.connect(self.choose)
        self.chart.chosen.connect(self.choose)
        self.details.what_if.connect(self._with_token)
        flips = self._flips
        for each in (self.before, self.after):
            each.setEnabled(bool(flips))
        self.choose(flips[0] if flips else 0)

    @property
    def current(self) -> int:
        """The index of the token whose details are shown."""
        return self._current

    def choose(self, index: int) -> None:
        self._current = index
        self.chart.choose(index)
        self.details.show_token(index, len(self._tokens), self._tokens[index])
        if self.sender() is not self.text:
            self.text.choose(index)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self.text.refresh_colours()
            self.text.choose(self._current)

    @property
    def _flips(self) -> list[int]:
        return [index for index, token in enumerate(self._tokens) if not token.same_top]

    def _jump(self, step: int) -> None:
        """To the next place at which the other model would have written something else, and round again."""
        flips = self._flips
        if step > 0:
            self.choose(next((index for index in flips if index > self._current), flips[0]))
        else:
            self.choose(next((index for index in reversed(flips) if index < self._current), flips[-1]))

    def _what_if(self, is_other: int) -> None:
        self.what_if.emit(self._current, bool(is_other), -1)

    def _with_token(self, token: int) -> None:
        """The model in whose list it was clicked goes on from it."""
        self.what_if.emit(self._current, self.details.is_other, token)

    def _lay_out(self, reference: str, other: str, figures: DivergenceFigures) -> None:
        what = label(
            self.tr(
                "What {reference} wrote, and how much what {other} expects differs at each token"
                " (Kullback-Leibler divergence over the whole vocabulary): the stronger the colour, the more."
                " Underlined: {other} would have written something else."
            ).format(reference=reference, other=other),
            "caption",
            wrap=True,
        )
        jumps = QHBoxLayout()
        jumps.addWidget(self.before)
        jumps.addWidget(self.after)
        jumps.addStretch()
        details = QVBoxLayout()
        details.setContentsMargins(16, 12, 16, 12)
        details.addWidget(self.details)
        for each in self.go_on:
            details.addWidget(each)
        details.addStretch()
        side = card(details)
        side.setMinimumWidth(DETAILS_PX)
        answer = QVBoxLayout()
        answer.setSpacing(12)
        answer.addWidget(self.text, 1)
        answer.addWidget(self.chart)
        answer.addLayout(jumps)
        both = QHBoxLayout()
        both.setSpacing(16)
        both.addLayout(answer, 1)
        both.addWidget(side)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.setSpacing(12)
        column.addWidget(label(self._sentence(figures), "strong", wrap=True))
        column.addWidget(label(self._quantiles(figures), wrap=True))
        column.addLayout(both, 1)
        column.addWidget(what)

    def _sentence(self, figures: DivergenceFigures) -> str:
        if figures.first_flip is None:
            return self.tr("Both find the same token likeliest at all of {n} places.").format(
                n=f"{figures.tokens:,}"
            )
        return self.tr(
            "Both find the same token likeliest at {share} of {n} places; they first part at token {first}."
        ).format(
            share=f"{100 * figures.same_top_rate:.1f} %",
            n=f"{figures.tokens:,}",
            first=f"{figures.first_flip + 1:,}",
        )

    def _quantiles(self, figures: DivergenceFigures) -> str:
        return self.tr(
            "KL divergence: {mean} on average, median {median}, 90th percentile {p90}, 99th {p99}, at most {most}"
            " · perplexity of this answer: {perplexity} under the other, {reference} under its own model"
        ).format(
            mean=nats(figures.mean_kl),
            median=nats(figures.median_kl),
            p90=nats(figures.kl_90),
            p99=nats(figures.kl_99),
            most=nats(figures.maximum_kl),
            perplexity=f"{figures.other_perplexity:.3f}",
            reference=f"{figures.reference_perplexity:.3f}",
        )
