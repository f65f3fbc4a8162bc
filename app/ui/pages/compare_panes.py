"""The panes: one model each, its answers under one another, and the figures of the last one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QScrollBar,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.library import LibraryEntry
from app.memory import MemoryEstimate
from app.runtime import ChatMessage
from app.ui import theme
from app.ui.pages.compare_answer import scroll_margin
from app.ui.pages.compare_facts import Facts
from app.ui.pages.compare_figures import Figures, FiguresRow, figures_of
from app.ui.pages.compare_pane_settings import PaneSettings
from app.ui.pages.compare_picker import Badge, ModelPicker, label_of
from app.ui.pages.compare_turn import Turn
from app.ui.parts import icon_button

NARROWEST_PANE_PX = 272
GAP_PX = 12
SHORT_PX = 300
"""A pane of less height has no room for figures below what scrolls."""
LETTERS = "ABCDE"


class Pane(QFrame):
    picked = Signal()
    remove_asked = Signal()
    retry_asked = Signal()
    stop_asked = Signal()
    link_asked = Signal(str)
    version_shown = Signal()
    chat_asked = Signal(object)  # Turn
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
        self.settings = PaneSettings()
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

    def messages_to(self, last: Turn) -> list[ChatMessage]:
        """The conversation up to one of its answers."""
        turns = self.turns[: self.turns.index(last) + 1]
        return [*self.earlier, *(message for turn in turns for message in turn.messages)]

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
        file_bytes, bits = (entry.file_bytes if entry else None), self.bits_per_weight or None
        if turn is None or turn.statistics is None:
            live = turn.live_tokens_per_s if turn and turn.under_way else None
            tokens = (turn.tokens or None) if turn else None
            return Figures(tokens_per_s=live, file_bytes=file_bytes, bits_per_weight=bits, tokens=tokens)
        return figures_of(turn.statistics, file_bytes, bits, turn.timing)

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

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room, figures scroll with the answer and do not take it from that."""
        super().resizeEvent(event)
        whole, own = self._conversation.layout(), self.layout()
        assert whole is not None
        assert own is not None
        is_short = self.height() < theme.px(SHORT_PX)
        place = whole if is_short else own
        if place.indexOf(self.figures) < 0:
            place.addWidget(self.figures)
            self.figures.set_compact(is_short)

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
        whole = QVBoxLayout(self._conversation)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        self._column = QVBoxLayout()
        self._column.setContentsMargins(16, 16, 16, 16)
        self._column.setSpacing(16)
        self._column.addStretch()
        whole.addLayout(self._column)
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
        column.addWidget(self.settings)
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

    def _chat_asked(self) -> None:
        self.chat_asked.emit(self.sender())

    def _adopt(self, turn: Turn) -> None:
        self.turns.append(turn)
        turn.retry_asked.connect(self.retry_asked)
        turn.stop_asked.connect(self.stop_asked)
        turn.link_asked.connect(self.link_asked)
        turn.version_shown.connect(self.version_shown)
        turn.chat_asked.connect(self._chat_asked)
        self._column.insertWidget(self._column.count() - 1, turn)

    def _let_go(self, turn: Turn) -> None:
        turn.retry_asked.disconnect(self.retry_asked)
        turn.stop_asked.disconnect(self.stop_asked)
        turn.link_asked.disconnect(self.link_asked)
        turn.chat_asked.disconnect(self._chat_asked)
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
    stop_asked = Signal(object)
    link_asked = Signal(str)
    version_shown = Signal()
    chat_asked = Signal(object, object)  # the pane, and its Turn

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
        pane.stop_asked.connect(lambda: self.stop_asked.emit(pane))
        pane.link_asked.connect(self.link_asked)
        pane.chat_asked.connect(lambda turn: self.chat_asked.emit(pane, turn))
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
