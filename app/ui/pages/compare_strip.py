"""The strip over the panes: what they will take before anything loads, then how they run, then the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from app.compare import ComparisonPlan
from app.core.units import format_bytes, format_duration
from app.memory import LoadPlan, MemoryEstimate, Way
from app.memory.plan import MAIN_MEMORY
from app.ui import theme
from app.ui.parts import ElidedLabel, Glyph, button, choice, icon_button, label, set_shortcut

BAR_PX = 12
ANSWER_TOKENS = 500
"""Of each answer for which a plan tells the time."""
LEGEND_FROM_PX = 900
"""Of the strip's width: below, there is no room for it beside the sentence."""


def part_colours() -> tuple[QColor, QColor, QColor]:
    """Weights, context, working space: one hue in three strengths."""
    tokens = theme.current()
    accent, track = tokens.colour("accent"), tokens.colour("track")
    return accent, theme.blend(accent, track, 0.68), theme.blend(accent, track, 0.38)


class MemoryBar(QWidget):
    """All panes' memory as one bar in what is free: per pane weights, context and working space."""

    def __init__(self) -> None:
        super().__init__()
        self._estimates: tuple[MemoryEstimate, ...] = ()
        self._available = 0
        self._edge = "danger"
        self.setFixedHeight(BAR_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_plan(self, plan: ComparisonPlan) -> None:
        self._estimates, self._available = plan.memory.estimates, plan.memory.available_bytes
        self._edge = "text" if plan.memory.way is Way.IN_TURNS else "danger"
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        needed = sum(each.in_use_bytes for each in self._estimates)
        scale = max(needed, self._available, 1)
        whole = QRectF(self.rect())
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            shape = QPainterPath()
            shape.addRoundedRect(whole, BAR_PX / 2, BAR_PX / 2)
            painter.setClipPath(shape)
            painter.fillRect(whole, tokens.colour("track"))
            at = 0.0
            for estimate in self._estimates:
                for count, colour in zip(_parts(estimate), part_colours(), strict=True):
                    width = whole.width() * count / scale
                    painter.fillRect(QRectF(at, 0, width, BAR_PX), colour)
                    at += width
                # A gap between panes.
                painter.fillRect(QRectF(at - 1, 0, 2, BAR_PX), tokens.colour("surface"))
            if needed > self._available:
                edge = whole.width() * self._available / scale
                painter.fillRect(QRectF(edge - 1, 0, 3, BAR_PX), tokens.colour(self._edge))


class Swatch(QWidget):
    """The colour of a part of the bar, beside its name."""

    def __init__(self, part: int) -> None:
        super().__init__()
        self._part = part
        self.setFixedSize(10, 10)

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(part_colours()[self._part])
            painter.drawRoundedRect(self.rect(), 3, 3)


class DifferenceSample(QWidget):
    """How the place where answers part is marked: an underlined word on a soft ground, a line beside the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(14, 16)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        with QPainter(self) as painter:
            painter.fillRect(0, 0, 3, 16, tokens.colour("accent"))
            painter.fillRect(5, 1, 9, 12, tokens.colour("accent_soft"))
            painter.fillRect(5, 12, 9, 1, tokens.colour("on_accent_soft"))


class Strip(QFrame):
    """`jump_asked`: the person wants to see where the answers part; `tokens_asked`: and how much the models differ at
    each token."""

    jump_asked = Signal(int)
    tokens_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._legend_wanted = False
        self._plan_page, self._word_page = self._make_plan(), self._make_words()
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 6, 16, 6)
        column.addWidget(self._plan_page)
        column.addWidget(self._word_page)
        self._word_page.hide()

    @property
    def sentence(self) -> str:
        """What it says now."""
        return self.accessibleName()

    def show_plan(self, plan: ComparisonPlan) -> None:
        """Before anything is loaded."""
        self._show(self._plan_page)
        self._bar.show_plan(plan)
        memory = plan.memory
        self._needs.setText(self._describe_need(plan))
        self._free.setText(self._describe_free(plan))
        self._warning.setVisible(memory.lack is not None)
        self._note.setText("" if memory.way is Way.AT_ONCE and not memory.unloads else memory.sentence)
        self._note.setVisible(bool(self._note.text()))
        self._advice.setVisible(memory.lack is not None and not memory.waits_for)
        for words, count_bytes in zip(self._parts, _sums(memory.estimates), strict=True):
            words.setText(words.property("name").format(size=format_bytes(count_bytes)))
        mode = self.describe_mode(plan) if memory.lack is None else ""
        speeds = self.describe_speeds(plan) if mode else ""
        loading = ""
        if mode and plan.loading_s is not None:
            loading = self.tr("about {time} to load").format(time=format_duration(plan.loading_s))
        mode = ", ".join(filter(None, (mode, loading, speeds)))
        self._mode.setText(mode)
        self._mode_glyph.setVisible(bool(mode))
        fair = self.tr("Every pane gets the same share of the processor, so that speeds can be compared.")
        times = self.describe_times(plan)
        self._mode.setToolTip("\n".join((mode, times, fair)) if mode else "")
        self._bar.setToolTip(_exact(memory))
        amounts = f"{self._needs.text()}, {self._free.text()}"
        self.setAccessibleName(". ".join(filter(None, (amounts, mode, self._note.text()))))

    def _describe_need(self, plan: ComparisonPlan) -> str:
        needed = format_bytes(plan.memory.needed_bytes)
        if plan.memory.lack is not None:
            return self.tr("Too much for the memory: about {needed}").format(needed=needed)
        return self.tr("All panes together: about {needed} of memory").format(needed=needed)

    def _describe_free(self, plan: ComparisonPlan) -> str:
        memory = plan.memory
        free = format_bytes(memory.available_bytes)
        words = self.tr("{free} free now") if memory.way is Way.AT_ONCE else self.tr("only {free} free now")
        if memory.unloads:
            words = self.tr("{free} free without {who}")
        elif memory.stays:
            words = self.tr("{free} free beside {who}")
        who = self.tr(" and ").join(each.title for each in memory.unloads or memory.stays)
        return words.format(free=free, who=who)

    def show_words(self, words: str, plan: ComparisonPlan | None = None) -> None:
        """How it stands, and beside it how the panes run."""
        self._show_line(words, plan, "info", jump=False, legend=False)

    def show_busy(self, words: str, plan: ComparisonPlan | None) -> None:
        """While the panes answer."""
        self._show_line(words, plan, "", jump=False, legend=False)
        self._busy.show()

    def show_verdict(self, words: str, glyph: str, parted: bool) -> None:
        """When all have answered; `parted`: there is a place where the answers begin to differ."""
        self._show_line(words, None, glyph, jump=parted, legend=True)

    def show_count(self, places: int) -> None:
        """In how many places the answers differ, once that is known."""
        if places:
            words = self.tr("1 place differs") if places == 1 else self.tr("{n} places differ")
            self._jump.setText(words.format(n=f"{places:,}"))

    def show_place(self, number: int, places: int) -> None:
        """Which of them is shown, counted from 0."""
        self._jump.setText(self.tr("Place {n} of {all}").format(n=f"{number + 1:,}", all=f"{places:,}"))

    def _show_line(
        self, words: str, plan: ComparisonPlan | None, glyph: str, *, jump: bool, legend: bool
    ) -> None:
        detail = self.describe_mode(plan) if plan is not None else ""
        self._show(self._word_page)
        self._busy.hide()
        self._words.setText(words)
        self._detail.setText(detail)
        self._detail.setVisible(bool(detail))
        for name, icon in self._glyphs.items():
            icon.setVisible(name == glyph)
        self._jump.setText(self.tr("Show where"))
        self._jump.setVisible(jump)
        self._back.setVisible(jump)
        self.tokens_button.setVisible(legend)
        self.lines_button.setVisible(legend)
        self._legend_wanted = legend
        self._settle_legend()
        self._mark_legend.setVisible(jump)
        self.setAccessibleName(f"{words} {detail}".strip())

    def describe_speeds(self, plan: ComparisonPlan) -> str:
        """How fast the panes will write, about; nothing where nobody can tell."""
        told = [plan.speed(pane) for pane in range(len(plan.memory.loads))]
        known = [speed for speed in told if speed is not None and speed.high > 0]
        if not known or len(known) < len(told):
            return ""
        low, high = min(speed.low for speed in known), max(speed.high for speed in known)
        return self.tr("about {low} to {high} tokens/s each").format(low=f"{low:,.0f}", high=f"{high:,.0f}")

    def describe_times(self, plan: ComparisonPlan) -> str:
        """What loading and answering will take in all, about, and which of it nobody can tell."""
        loading, answers = plan.loading_s, plan.answers_s(ANSWER_TOKENS)
        words = (
            self.tr("How long loading takes is known once all have been loaded here.")
            if loading is None
            else self.tr("About {time} to load them.").format(time=format_duration(loading)),
            self.tr("How long answers take is not known.")
            if answers is None
            else self.tr("About {time} until all have written {n} tokens.").format(
                time=format_duration(answers), n=ANSWER_TOKENS
            ),
        )
        return "\n".join(words)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._settle_legend()

    def _settle_legend(self) -> None:
        """The sentence goes before what explains the marks."""
        self._legend.setVisible(self._legend_wanted and self.width() >= theme.px(LEGEND_FROM_PX))

    def describe_mode(self, plan: ComparisonPlan) -> str:
        count, at_once, threads = len(plan.memory.loads), plan.panes_at_once, plan.threads_per_pane
        each = self.tr("1 thread each") if threads == 1 else self.tr("{n} threads each").format(n=threads)
        if not plan.in_turns:
            mode = self.tr("Both at once") if count == 2 else self.tr("All {n} at once").format(n=count)
        elif at_once == 1:
            mode = self.tr("One after the other")
        else:
            mode = self.tr("{n} at a time").format(n=at_once)
        return f"{mode}, {each}"

    def _make_plan(self) -> QWidget:
        self._warning = Glyph("warning-circle", "danger", 20)
        self._needs = label("", "strong")
        self._free = label("", "muted")
        self._bar = MemoryBar()
        self._mode = ElidedLabel("", "caption")
        self._advice = ElidedLabel(
            self.tr("Choose smaller quantizations, take a pane away, or close other programs.")
        )
        self._note = label("", wrap=True)
        for only_when_scarce in (self._warning, self._note, self._advice):
            only_when_scarce.hide()
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self._warning)
        top.addWidget(self._needs)
        top.addStretch()
        top.addWidget(self._free)
        below = QHBoxLayout()
        below.setSpacing(6)
        self._parts = []
        for part, name in enumerate(
            (self.tr("weights {size}"), self.tr("context {size}"), self.tr("working space {size}"))
        ):
            words = label("", "caption")
            words.setProperty("name", name)
            self._parts.append(words)
            below.addWidget(Swatch(part))
            below.addWidget(words)
            below.addSpacing(8)
        below.addStretch()
        self._mode_glyph = Glyph("cpu", "muted", 16)
        below.addWidget(self._mode_glyph)
        below.addWidget(self._mode)
        return _column((top, self._bar, below, self._note, self._advice))

    def _make_words(self) -> QWidget:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._glyphs = {
            name: Glyph(name, colour, 20)
            for name, colour in (("git-branch", "accent"), ("equals", "accent"), ("info", "muted"))
        }
        for icon in self._glyphs.values():
            row.addWidget(icon)
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setFixedWidth(64)
        self._busy.setAccessibleName(self.tr("The models are answering"))
        row.addWidget(self._busy)
        self._words = ElidedLabel("", "strong")
        self._jump = button(
            self.tr("Show where"),
            lambda: self.jump_asked.emit(1),
            role="ghost",
            tip=self.tr("Scroll every pane to that place, then to the next one"),
            shortcut="F3",
        )
        self._back = icon_button(
            "caret-up", self.tr("Previous place that differs"), lambda: self.jump_asked.emit(-1)
        )
        set_shortcut(self._back, "Shift+F3")
        self._back.setFixedSize(28, 28)
        self.tokens_button = button(
            self.tr("Token by token…"),
            self.tokens_asked.emit,
            role="ghost",
            tip=self.tr(
                "How much the models differ at each token of an answer, also where they wrote the same"
            ),
        )
        self.lines_button = choice(self.tr("Line by line"))
        self.lines_button.setToolTip(
            self.tr("The answers beside each other, with every word marked that differs")
        )
        set_shortcut(self.lines_button, "Ctrl+Shift+D")
        self._detail = label("", "muted")
        row.addWidget(self._words, 1)
        row.addWidget(self._jump)
        row.addWidget(self._back)
        row.addWidget(self.lines_button)
        row.addWidget(self.tokens_button)
        row.addWidget(self._detail)
        self._legend = self._make_legend()
        row.addWidget(self._legend)
        page = QWidget()
        row.setContentsMargins(0, 0, 0, 0)
        page.setLayout(row)
        page.setMinimumHeight(32)
        return page

    def _make_legend(self) -> QWidget:
        self._mark_legend = _pair(DifferenceSample(), self.tr("differs"))
        self._mark_legend.setToolTip(
            self.tr("The words that differ, and a line beside all that follows the first of them")
        )
        legend = QWidget()
        row = QHBoxLayout(legend)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        row.addWidget(self._mark_legend)
        best = _pair(Glyph("star-fill", "accent", 12), self.tr("best"))
        best.setToolTip(self.tr("The best of all panes in this figure, by more than chance"))
        row.addWidget(best)
        return legend

    def _show(self, page: QWidget) -> None:
        for each in (self._plan_page, self._word_page):
            each.setVisible(each is page)


def _exact(plan: LoadPlan) -> str:
    """The bytes of every device, and what others have of it."""
    lines = []
    for room in plan.rooms:
        words = (
            _tr("Memory: {needed:,} of {free:,} free bytes; other programs use {others:,}")
            if room.device == MAIN_MEMORY
            else _tr("{device}: {needed:,} of {free:,} free bytes; other programs use {others:,}")
        )
        lines.append(
            words.format(
                device=room.device,
                needed=room.needed_bytes,
                free=room.available_bytes,
                others=room.others_bytes,
            )
        )
    return "\n".join(lines)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Compare", text)


def _parts(estimate: MemoryEstimate) -> tuple[int, int, int]:
    return estimate.weights_bytes, estimate.kv_bytes, estimate.working_bytes


def _sums(estimates: Sequence[MemoryEstimate]) -> tuple[int, ...]:
    return tuple(sum(column) for column in zip(*map(_parts, estimates), strict=True)) or (0, 0, 0)


def _pair(sign: QWidget, words: str) -> QWidget:
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    row.addWidget(sign)
    row.addWidget(label(words, "caption"))
    return made


def _column(parts: Sequence[QWidget | QLayout]) -> QWidget:
    made = QWidget()
    column = QVBoxLayout(made)
    column.setContentsMargins(0, 6, 0, 6)
    column.setSpacing(8)
    for part in parts:
        if isinstance(part, QLayout):
            column.addLayout(part)
        else:
            column.addWidget(part)
    return made
