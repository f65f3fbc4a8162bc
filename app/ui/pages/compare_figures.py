"""The figures under an answer: always the same ones in the same order, so that the eye can compare panes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.core.units import format_bytes, format_duration
from app.ui.parts import ElidedLabel, Glyph, label

if TYPE_CHECKING:
    from app.compare.answers import Timing
    from app.runtime import GenerationStatistics

NOISE = 0.05
"""Speeds and times that differ by less are called the same."""

FEWEST_READ = 32
"""Tokens of a prompt that were evaluated; of fewer, what llama.cpp does once for a batch says more than their speed."""
COLUMNS = (7, 4, 3)
COLUMN_GAP_PX = 4
SIDE_PX = 14


@dataclass(frozen=True)
class Figures:
    """One answer in numbers; None is not known, or not known yet."""

    tokens_per_s: float | None = None
    first_token_s: float | None = None
    prompt_tokens_per_s: float | None = None
    memory_bytes: int | None = None
    file_bytes: int | None = None
    bits_per_weight: float | None = None
    tokens: int | None = None
    timing: Timing | None = None


def figures_of(
    statistics: GenerationStatistics,
    file_bytes: int | None,
    bits_per_weight: float | None = None,
    timing: Timing | None = None,
) -> Figures:
    read_enough = statistics.evaluated_tokens >= FEWEST_READ
    return Figures(
        # The speed is that after the first token; one token alone has none.
        tokens_per_s=statistics.tokens_per_s if statistics.tokens > 1 else None,
        first_token_s=statistics.time_to_first_token_s if statistics.tokens else None,
        prompt_tokens_per_s=statistics.prompt_tokens_per_s if read_enough else None,
        memory_bytes=statistics.memory_bytes,
        file_bytes=file_bytes,
        bits_per_weight=bits_per_weight,
        tokens=statistics.tokens,
        timing=timing,
    )


def _tr(text: str) -> str:
    return QCoreApplication.translate("Compare", text)


@dataclass(frozen=True)
class FigureKind:
    """One of the figures. `better`: which end of the scale is the good one, if there is one. `timed`: to be compared
    only with what was timed the same way."""

    field: str
    caption: Callable[[], str]
    explanation: Callable[[], str]
    show: Callable[[float], str]
    better: Literal["more", "less", ""] = ""
    best: Callable[[], str] = lambda: ""
    noise: float = 0.0
    timed: bool = False


def _whole(value: float) -> str:
    return f"{int(value):,}"


def _rate(value: float) -> str:
    return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"


def _bits(value: float) -> str:
    return f"{value:.2f}"


def _duration(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 0.0995 else format_duration(value)


def _size(value: float) -> str:
    return format_bytes(int(value))


KINDS: tuple[FigureKind, ...] = (
    FigureKind(
        "tokens_per_s",
        lambda: _tr("tokens/s"),
        lambda: _tr("How fast the answer was written, after its first token"),
        _rate,
        "more",
        lambda: _tr("Fastest"),
        NOISE,
        timed=True,
    ),
    FigureKind(
        "first_token_s",
        lambda: _tr("first token"),
        lambda: _tr("From sending the prompt to the first token of the answer, without loading the model"),
        _duration,
        "less",
        lambda: _tr("Soonest"),
        2 * NOISE,
        timed=True,
    ),
    FigureKind(
        "prompt_tokens_per_s",
        lambda: _tr("prompt/s"),
        lambda: _tr(
            "How fast the prompt was read, in tokens per second. Told where at least {n} had to be read: "
            "what the model still knew of the conversation does not count."
        ).format(n=FEWEST_READ),
        _rate,
        "more",
        lambda: _tr("Fastest reader"),
        2 * NOISE,
        timed=True,
    ),
    FigureKind(
        "memory_bytes",
        lambda: _tr("memory"),
        lambda: _tr("Memory the model's process has in use: weights, context and working space"),
        _size,
        "less",
        lambda: _tr("Least memory"),
        NOISE,
    ),
    FigureKind(
        "file_bytes",
        lambda: _tr("file"),
        lambda: _tr("Size of the model's file"),
        _size,
        "less",
        lambda: _tr("Smallest file"),
    ),
    FigureKind(
        "bits_per_weight",
        lambda: _tr("bits/weight"),
        lambda: _tr("How much room each weight of the model has, on average"),
        _bits,
    ),
    FigureKind("tokens", lambda: _tr("tokens"), lambda: _tr("Length of the answer"), _whole),
)


def best_fields(panes: Sequence[Figures | None]) -> list[frozenset[str]]:
    """For each pane the figures in which it alone is the best. None: a pane that does not take part."""
    found: list[set[str]] = [set() for _ in panes]
    timed_alike = len({figures.timing for figures in panes if figures is not None}) < 2
    for kind in KINDS:
        if kind.timed and not timed_alike:
            continue
        values = [
            (value, index)
            for index, figures in enumerate(panes)
            if figures is not None and (value := getattr(figures, kind.field)) is not None
        ]
        if not kind.better or len(values) < 2:
            continue
        values.sort(reverse=kind.better == "more")
        (first, winner), (second, _) = values[:2]
        if abs(first - second) > kind.noise * max(first, second) and kind.show(first) != kind.show(second):
            found[winner].add(kind.field)
    return [frozenset(fields) for fields in found]


def _timing_words(timing: Timing | None) -> str:
    """Nothing where that is not known."""
    if timing is None:
        return ""
    one = timing.threads == 1
    threads = _tr("1 thread") if one else _tr("{n} threads").format(n=timing.threads)
    if timing.beside == 0:
        return _tr("Timed alone, {threads}").format(threads=threads)
    if timing.beside == 1:
        return _tr("Timed beside 1 other, {threads} each").format(threads=threads)
    return _tr("Timed beside {n} others, {threads} each").format(n=timing.beside, threads=threads)


class FigureCell(QWidget):
    """A value over its caption; the best of all panes is bold with a star, and says so."""

    def __init__(self, kind: FigureKind) -> None:
        super().__init__()
        self._kind = kind
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._star = Glyph("star-fill", "accent", 12)
        self._star.hide()
        self._value = label("–", "figure")
        self._caption = label(kind.caption(), "caption")
        below = QHBoxLayout()
        below.setSpacing(4)
        below.addWidget(self._caption)
        below.addWidget(self._star, 0, Qt.AlignmentFlag.AlignVCenter)
        below.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._value)
        column.addLayout(below)

    @property
    def text(self) -> str:
        return self._value.text()

    @property
    def in_words(self) -> str:
        """`37.2 tokens/s`, with a star where it is the best, and in one line; nothing where it is not known."""
        if self.text == "–":
            return ""
        words = f"{self.text} {self._caption.text()}{' ★' if self.is_best else ''}"
        return words.replace(" ", "\N{NO-BREAK SPACE}").replace("/", "/\N{WORD JOINER}")

    @property
    def is_best(self) -> bool:
        return not self._star.isHidden()

    def needed_width(self) -> int:
        """Of the longest value there usually is, or of the caption with its star."""
        star = 4 + self._star.width()
        value = self._value.fontMetrics().horizontalAdvance("88.8 MB")
        return max(value, self._caption.sizeHint().width() + (star if self._kind.better else 0))

    def show_value(self, value: float | None, best: bool) -> None:
        shown = "–" if value is None else self._kind.show(value)
        self._value.setText(shown)
        self._star.setVisible(best)
        if self._value.property("best") != best:
            self._value.setProperty("best", best)
            self._value.style().polish(self._value)
        exact = _tr("{count:,} bytes").format(count=value) if self._kind.show is _size and value else ""
        praise = _tr("{what} of these panes").format(what=self._kind.best()) if best else ""
        self.setToolTip("\n".join(filter(None, (self._kind.explanation(), exact, praise))))
        self.setAccessibleName(", ".join(filter(None, (f"{self._caption.text()} {shown}", praise))))


class FiguresRow(QWidget):
    """All figures of one answer, in one row or, where the pane is narrow, in several; `compact`: as running text."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = {kind.field: FigureCell(kind) for kind in KINDS}
        self._columns = 0
        self._figures = Figures()
        self._best: frozenset[str] = frozenset()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(SIDE_PX, 8, SIDE_PX, 8)
        self._grid.setHorizontalSpacing(COLUMN_GAP_PX)
        self._grid.setVerticalSpacing(8)
        self._running = label("", "caption", wrap=True)
        self._running.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._running.hide()
        self._how_taken = ElidedLabel("", "caption")
        self._how_taken.hide()
        self._place(len(KINDS))
        self.show_figures(self._figures)

    @property
    def figures(self) -> Figures:
        return self._figures

    def show_figures(self, figures: Figures, best: frozenset[str] = frozenset()) -> None:
        self._figures, self._best = figures, best
        for field, cell in self.cells.items():
            cell.show_value(getattr(figures, field), field in best)
        self._running.setText(" · ".join(cell.in_words for cell in self.cells.values() if cell.in_words))

    @property
    def running_words(self) -> str:
        return self._running.text() if self._running.isVisible() else ""

    @property
    def how_taken(self) -> str:
        return self._how_taken.text()

    def set_compact(self, compact: bool) -> None:
        for cell in self.cells.values():
            cell.setHidden(compact)
        self._running.setHidden(not compact)

    def say_how_taken(self) -> None:
        """Speeds are to be compared only with others that were taken the same way."""
        words = _timing_words(self._figures.timing)
        self._how_taken.setText(words)
        self._how_taken.setVisible(bool(words))

    def label_of(self, field: str) -> QLabel:
        return self.cells[field].findChildren(QLabel)[0]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        needed = max(cell.needed_width() for cell in self.cells.values()) + COLUMN_GAP_PX
        room = self.width() - 2 * SIDE_PX + COLUMN_GAP_PX
        self._place(next((columns for columns in COLUMNS if columns * needed <= room), 2))

    def _place(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for index, cell in enumerate(self.cells.values()):
            self._grid.addWidget(cell, index // columns, index % columns)
        self._grid.addWidget(self._running, len(KINDS), 0, 1, columns)
        self._grid.addWidget(self._how_taken, len(KINDS) + 1, 0, 1, columns)
        for column in range(len(KINDS)):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
