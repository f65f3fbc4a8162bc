"""What a model would take in this computer's memory with a context that a person chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QRect, QSize
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.core.units import format_bytes
from app.ui import fit_words, icons, theme
from app.ui.context_slider import ContextSlider
from app.ui.memory_bar import BAR_PX, Zone, paint_bar, paint_zone_names, zones_of
from app.ui.paint import paint_text
from app.ui.parts import label

if TYPE_CHECKING:  # the engine comes with the job that reads the header
    from app.gguf import ModelFacts
    from app.recommend.budget import Budget
    from app.recommend.fit import Fit
    from app.recommend.need import Need

GLYPH_PX = 18


class MemoryView(QWidget):
    """Empty until both the model's header and the computer are known."""

    def __init__(self) -> None:
        super().__init__()
        self._facts: ModelFacts | None = None
        self._budget: Budget | None = None
        self._fit: Fit | None = None
        self.slider = ContextSlider()
        self.slider.chosen.connect(lambda context: self._work_out())
        self._verdict = _Verdict()
        self._meaning = label("", "caption", wrap=True)
        self._bar = _Bar()
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


class _Verdict(QWidget):
    """A symbol with its word, and what stays free."""

    def __init__(self) -> None:
        super().__init__()
        self._fit: Fit | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_verdict(self, placed: Fit) -> None:
        self._fit = placed
        look = fit_words.verdict_look(placed.verdict)
        self.setAccessibleName(f"{look.words}, {fit_words.left_over(placed)}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, max(GLYPH_PX, QFontMetrics(theme.font("body", strong=True)).height()) + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._fit is None:
            return
        look = fit_words.verdict_look(self._fit.verdict)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            glyph = QRect(0, (self.height() - GLYPH_PX) // 2, GLYPH_PX, GLYPH_PX)
            icons.paint(painter, glyph, look.glyph, theme.current().colour(look.colour))
            words = self.rect().adjusted(GLYPH_PX + 6, 0, 0, 0)
            paint_text(painter, words, look.words, "body", look.colour, strong=True)
            width = QFontMetrics(theme.font("body", strong=True)).horizontalAdvance(look.words)
            left = fit_words.left_over(self._fit)
            lacks = self._fit.free_bytes < 0
            paint_text(
                painter, words.adjusted(width + 10, 0, 0, 0), left, "caption", "danger" if lacks else "muted"
            )


class _Bar(QWidget):
    """The names of the memories, and below them what is taken of each."""

    def __init__(self) -> None:
        super().__init__()
        self._use: tuple[Need, Fit] | None = None
        self._zones: tuple[Zone, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_use(self, need: Need, placed: Fit, budget: Budget) -> None:
        self._use, self._zones = (need, placed), zones_of(budget)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, self._caption_px() + 4 + BAR_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._use is None:
            return
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            caption = self._caption_px()
            paint_zone_names(painter, QRect(0, 0, self.width(), caption), self._zones)
            paint_bar(painter, QRect(0, caption + 4, self.width(), BAR_PX), self._zones, *self._use)

    def _caption_px(self) -> int:
        return QFontMetrics(theme.font("caption")).height()


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
