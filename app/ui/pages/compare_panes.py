"""The panes: one model each, its answers under one another, and the figures of the last one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QScrollBar,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.convert.quantizations import QUANTIZATIONS
from app.core.units import format_bytes, format_count
from app.library import LibraryEntry
from app.memory import MemoryEstimate
from app.runtime import ChatMessage
from app.ui.pages.compare_answer import scroll_margin
from app.ui.pages.compare_figures import Figures, FiguresRow, figures_of
from app.ui.pages.compare_picker import Badge, ModelPicker, label_of
from app.ui.pages.compare_turn import Turn
from app.ui.parts import icon_button, label

NARROWEST_PANE_PX = 272
GAP_PX = 12
WIDEST_FACTS_PX = 320
LETTERS = "ABCD"


class Facts(QWidget):
    """What is known of a model before it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self._summary = label("", "muted", wrap=True)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(0, 1)
        self._values = {}
        for row, (key, name, tip) in enumerate(
            (
                ("parameters", self.tr("Parameters"), self.tr("How many weights the model has")),
                ("bits", self.tr("Bits per weight"), self.tr("How much room each weight has, on average")),
                ("file", self.tr("File"), self.tr("Size of the model's file")),
                (
                    "memory",
                    self.tr("Memory, about"),
                    self.tr("Weights, context and working space of this model together"),
                ),
            )
        ):
            caption = label(name, "muted")
            value = label("–")
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            for each in (caption, value):
                each.setToolTip(tip)
            self._grid.addWidget(caption, row, 0)
            self._grid.addWidget(value, row, 1)
            self._values[key] = value
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(16)
        column.addWidget(self._summary)
        table = QWidget()
        table.setMaximumWidth(WIDEST_FACTS_PX)
        self._grid.setContentsMargins(0, 0, 0, 0)
        table.setLayout(self._grid)
        column.addWidget(table)
        column.addStretch()

    def show_entry(self, entry: LibraryEntry | None, estimate: MemoryEstimate | None) -> None:
        facts = entry.facts if entry else None
        summary = next(
            (each.summary for each in QUANTIZATIONS if facts and each.name == facts.quantization), ""
        )
        self._summary.setText(summary if facts else self.tr("Choose a model for this pane above."))
        self._summary.setVisible(bool(self._summary.text()))
        values = {
            "parameters": format_count(facts.parameters) if facts else "–",
            "bits": f"{facts.bits_per_weight:.2f}" if facts and facts.bits_per_weight else "–",
            "file": format_bytes(facts.file_bytes) if facts else "–",
            "memory": format_bytes(estimate.in_use_bytes) if estimate else "–",
        }
        for key, text in values.items():
            self._values[key].setText(text)


class Pane(QFrame):
    picked = Signal()
    remove_asked = Signal()
    retry_asked = Signal()
    link_asked = Signal(str)
    version_shown = Signal()
    scrolled = Signal(int)

    def __init__(self, letter: str, is_built_in: Callable[[Path], bool]) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.setMinimumWidth(NARROWEST_PANE_PX)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.turns: list[Turn] = []
        self.earlier: Sequence[ChatMessage] = ()  # what was said before them, elsewhere
        self._earlier_view: QWidget | None = None
        self.asked: LibraryEntry | None = None  # whose turns these are, also when another one is chosen
        self.badge = Badge(letter)
        self.picker = ModelPicker(is_built_in)
        self.picker.picked.connect(self._picked)
        self.facts = Facts()
        self.figures = FiguresRow()
        self._estimate: MemoryEstimate | None = None
        self._following = True
        self._moving = False
        self._lay_out()

    # What it shows

    @property
    def entry(self) -> LibraryEntry | None:
        return self.picker.entry

    @property
    def name(self) -> str:
        """`A, Bard Q4_K_M`: how it is called aloud."""
        return ", ".join(filter(None, (self.badge.letter, label_of(self.entry) if self.entry else "")))

    @property
    def bits_per_weight(self) -> float:
        facts = self.entry.facts if self.entry else None
        return (facts.bits_per_weight or 0.0) if facts else 0.0

    @property
    def turn(self) -> Turn | None:
        """The last one."""
        return self.turns[-1] if self.turns else None

    @property
    def messages(self) -> list[ChatMessage]:
        """The conversation of this pane before a new prompt."""
        return [*self.earlier, *(message for turn in self.turns for message in turn.messages)]

    @property
    def messages_before_last(self) -> list[ChatMessage]:
        """The conversation before the last prompt, for asking that again."""
        return [*self.earlier, *(message for turn in self.turns[:-1] for message in turn.messages)]

    def choose(self, entry: LibraryEntry) -> None:
        self.picker.choose(entry.path)
        self._refresh()

    def set_letter(self, letter: str) -> None:
        self.badge.set_letter(letter)
        self.setAccessibleName(self.name)

    def set_busy(self, busy: bool, removable: bool) -> None:
        self.picker.setEnabled(not busy)
        self._remove.setEnabled(not busy)
        self._remove.setVisible(removable)

    def show_estimate(self, estimate: MemoryEstimate | None) -> None:
        self._estimate = estimate
        self.facts.show_entry(self.entry, estimate)

    # Its turns, and what was before them

    def put_earlier(self, messages: Sequence[ChatMessage], view: QWidget | None) -> None:
        """`view` shows them above the turns; None: there are none."""
        if self._earlier_view is not None:
            self._earlier_view.hide()
            self._earlier_view.deleteLater()
        self.earlier, self._earlier_view = messages, view
        if view is not None:
            self._column.insertWidget(0, view)
        self._refresh()

    def add_turn(self, prompt: str) -> Turn:
        if self.turn is not None:
            self.turn.pass_by()
        self.asked = self.entry
        turn = Turn(prompt)
        self._adopt(turn)
        self._refresh()
        self._scroll_to_end()
        return turn

    def take_turns(self) -> list[Turn]:
        """Empties the pane; what was in it can be put back."""
        taken, self.turns = self.turns, []
        for turn in taken:
            self._let_go(turn)
        self._refresh()
        return taken

    def put_turns(self, turns: Sequence[Turn]) -> None:
        self.asked = self.entry
        for turn in turns:
            self._adopt(turn)
            turn.show()
        self._refresh()

    def drop_last_turn(self) -> None:
        if self.turns:
            turn = self.turns.pop()
            self._let_go(turn)
            turn.deleteLater()
            self._refresh()

    # Figures

    @property
    def current_figures(self) -> Figures:
        entry, turn = self.entry, self.turn
        file_bytes = entry.file_bytes if entry else None
        if turn is None or turn.statistics is None:
            live = turn.live_tokens_per_s if turn and turn.under_way else None
            return Figures(
                tokens_per_s=live, file_bytes=file_bytes, tokens=(turn.tokens or None) if turn else None
            )
        return figures_of(turn.statistics, file_bytes)

    def show_figures(self, best: frozenset[str] = frozenset()) -> None:
        self.figures.show_figures(self.current_figures, best)

    # Scrolling

    @property
    def scroll_bar(self) -> QScrollBar:
        return self._bar

    def scroll_to(self, value: int) -> None:
        """As another pane did."""
        self._moving = True
        self._bar.setValue(value)
        self._moving = False
        self._following = self._at_end()

    def scroll_to_difference(self, number: int = 0) -> None:
        turn = self.turn
        if turn is None or turn.answer.difference is None:
            return
        place = turn.answer.difference_rect(number).top()
        at = turn.answer.mapTo(self._conversation, QPoint(0, place)).y()
        self._following = False
        self._moving = True
        self._bar.setValue(at - scroll_margin(self))
        self._moving = False

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            for turn in self.turns:
                turn.answer.refresh_colours()

    # Building

    def _lay_out(self) -> None:
        self._remove = icon_button("x", self.tr("Remove this pane"), self.remove_asked.emit)
        self._remove.setFixedSize(32, 32)
        head = QHBoxLayout()
        head.setContentsMargins(12, 8, 8, 8)
        head.setSpacing(4)
        head.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignVCenter)
        head.addWidget(self.picker, 1)
        head.addWidget(self._remove, 0, Qt.AlignmentFlag.AlignVCenter)
        self._conversation = QWidget()
        self._column = QVBoxLayout(self._conversation)
        self._column.setContentsMargins(16, 16, 16, 16)
        self._column.setSpacing(16)
        self._column.addStretch()
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._conversation)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._bar = self._scroll.verticalScrollBar()
        self._bar.rangeChanged.connect(self._follow)
        self._bar.valueChanged.connect(self._value_changed)
        facts = QScrollArea()
        facts.setWidgetResizable(True)
        facts.setFrameShape(QFrame.Shape.NoFrame)
        facts.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        facts.setWidget(self.facts)
        facts.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._body = QStackedWidget()
        self._body.addWidget(facts)
        self._body.addWidget(self._scroll)
        self._under = QFrame()
        self._under.setProperty("role", "separator")
        over = QFrame()
        over.setProperty("role", "separator")
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(over)
        column.addWidget(self._body, 1)
        column.addWidget(self._under)
        column.addWidget(self.figures)
        self._refresh()

    def _refresh(self) -> None:
        self.setAccessibleName(self.name)
        self.facts.show_entry(self.entry, self._estimate)
        self._body.setCurrentIndex(1 if self.turns or self._earlier_view is not None else 0)
        for each in (self.figures, self._under):
            each.setVisible(bool(self.turns))
        self.show_figures()

    def _picked(self) -> None:
        self._estimate = None
        self._refresh()
        self.picked.emit()

    def _adopt(self, turn: Turn) -> None:
        self.turns.append(turn)
        turn.retry_asked.connect(self.retry_asked)
        turn.link_asked.connect(self.link_asked)
        turn.version_shown.connect(self.version_shown)
        self._column.insertWidget(self._column.count() - 1, turn)

    def _let_go(self, turn: Turn) -> None:
        turn.retry_asked.disconnect(self.retry_asked)
        turn.link_asked.disconnect(self.link_asked)
        turn.version_shown.disconnect(self.version_shown)
        turn.hide()
        self._column.removeWidget(turn)
        turn.setParent(None)

    # The end of the text stays in view while it grows, until the person scrolls away from it.

    def _scroll_to_end(self) -> None:
        self._following = True
        self._follow()

    def _follow(self) -> None:
        if self._following:
            self._moving = True
            self._bar.setValue(self._bar.maximum())
            self._moving = False

    def _value_changed(self, value: int) -> None:
        if not self._moving:
            self._following = self._at_end()
            self.scrolled.emit(value)

    def _at_end(self) -> bool:
        return self._bar.value() >= self._bar.maximum() - 8


class PaneDeck(QScrollArea):
    """Panes in equal columns; scrolls sideways where the window is too narrow for them."""

    picked = Signal(object)
    remove_asked = Signal(object)
    retry_asked = Signal(object)
    link_asked = Signal(str)
    version_shown = Signal()

    def __init__(self, is_built_in: Callable[[Path], bool]) -> None:
        super().__init__()
        self._is_built_in = is_built_in
        self.panes: list[Pane] = []
        self._linked = False
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget()
        self._row = QHBoxLayout(inside)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(GAP_PX)
        self.setWidget(inside)

    def add_pane(self, entries: Sequence[LibraryEntry]) -> Pane:
        """One more, with these to choose from."""
        pane = Pane(LETTERS[len(self.panes)], self._is_built_in)
        pane.picker.set_entries(entries)
        pane.picked.connect(lambda: self.picked.emit(pane))
        pane.remove_asked.connect(lambda: self.remove_asked.emit(pane))
        pane.retry_asked.connect(lambda: self.retry_asked.emit(pane))
        pane.link_asked.connect(self.link_asked)
        pane.version_shown.connect(self.version_shown)
        pane.scrolled.connect(lambda value: self._scroll_others(pane, value))
        self.panes.append(pane)
        self._row.addWidget(pane, 1)
        return pane

    def remove_pane(self, pane: Pane) -> None:
        self.panes.remove(pane)
        self._row.removeWidget(pane)
        pane.hide()
        pane.deleteLater()
        for letter, each in zip(LETTERS, self.panes, strict=False):
            each.set_letter(letter)

    def set_linked(self, linked: bool) -> None:
        """Whether all panes scroll together."""
        self._linked = linked

    def show_live_figures(self) -> None:
        for pane in self.panes:
            if pane.turn is not None and pane.turn.under_way:
                pane.show_figures()

    def show_difference(self, number: int = 0) -> None:
        """That one, counted from 0, in every pane."""
        for pane in self.panes:
            pane.scroll_to_difference(number)

    def _scroll_others(self, source: Pane, value: int) -> None:
        if self._linked:
            for pane in self.panes:
                if pane is not source:
                    pane.scroll_to(value)
