"""Make it here: which types of a source, calibrated with what, where to, and what that takes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.core.units import format_bytes, format_count, format_duration
from app.ui import theme
from app.ui.fault_card import FaultCard
from app.ui.latest import Latest
from app.ui.make_menu import rounding_of
from app.ui.make_order import MakeOrder
from app.ui.pages.make_calibration import CalibrationPart
from app.ui.pages.make_types import TypeList
from app.ui.parts import ElidedLabel, button, empty, icon_button, label, plain_tip, with_keys
from app.ui.state_stack import StateStack

if TYPE_CHECKING:  # the engine comes with the job
    from app.convert.offers import MakingOffer
    from app.recommend.budget import Budget

SIDE_BY_SIDE_PX = 700
OPTIONS_PX = 244
BELOW_BITS = 5.0
"""Types with fewer bits than that are offered a calibration."""
_LONG_S = 90
QWIDGETSIZE_MAX = (1 << 24) - 1
"""Qt's own constant, which the bindings leave out."""


@dataclass(frozen=True)
class MakeSource:
    """What to make something of. `look`: a job's work that tells what could be made, on a computer with that budget.
    `usual_folder`: where it goes unless another one is chosen, `place` that in words; `is_fixed`: there is no choice.
    `download_bytes`: of what comes first.
    """

    title: str
    look: Callable[[Budget], MakingOffer]
    usual_folder: Path
    place: str
    is_fixed: bool = False
    download_bytes: int = 0


class MakePanel(QFrame):
    """`ordered` carries a MakeOrder."""

    closed = Signal()
    ordered = Signal(object)

    def __init__(self, database: Path) -> None:
        super().__init__()
        self._source: MakeSource | None = None
        self._offer: MakingOffer | None = None
        self._find_budget: Callable[[], Budget] | None = None
        self._meant = ""
        self._folder: Path | None = None
        self._free_bytes: int | None = None
        self._looking = Latest(self)
        self._weighing = Latest(self)
        self.setProperty("role", "card")
        self.setAccessibleName(_tr("Make it here"))
        self._title = ElidedLabel("", "heading")
        self._told = label("", "muted", wrap=True)
        self.types = TypeList()
        self.all_types = QCheckBox(_tr("Show all types"))
        self.calibration = CalibrationPart(database)
        self._place = ElidedLabel("", "", Qt.TextElideMode.ElideMiddle)
        self.folder_button = button(_tr("Change…"), self._pick_folder, tip=_tr("Choose another folder"))
        self.costs = label("", "muted", wrap=True)
        self.problem = label("", "problem", wrap=True)
        self.make_button = button(_tr("Make"), self._order, role="primary", glyph="arrows-in-simple")
        self.body = StateStack()
        self._fault_place = QVBoxLayout()
        self._lay_out()
        self.types.chosen_changed.connect(self._weigh)
        self.calibration.changed.connect(self._weigh)
        self.all_types.toggled.connect(self.types.show_all)
        self.setFocusProxy(self.body)
        within = Qt.ShortcutContext.WidgetWithChildrenShortcut
        QShortcut(QKeySequence("Esc"), self, self.closed.emit, context=within)

    @property
    def offer(self) -> MakingOffer | None:
        return self._offer

    @property
    def _download_bytes(self) -> int:
        return self._source.download_bytes if self._source is not None else 0

    def show_source(self, source: MakeSource, find_budget: Callable[[], Budget], meant: str = "") -> None:
        """`find_budget`: what of this computer a model may take, for a job. `meant`: the type that is chosen at first;
        empty for the one that suits this computer."""
        self._source, self._find_budget, self._meant, self._offer = source, find_budget, meant, None
        self._folder, self._free_bytes = source.usual_folder, None
        self._title.setText(_tr("Make smaller copies of {source}").format(source=source.title))
        self._title.setToolTip("")
        self._told.setText("")
        self.make_button.setEnabled(False)
        self.folder_button.setVisible(not source.is_fixed)
        self.calibration.reset()
        self.costs.setText("")
        self.problem.setText("")
        self._show_place()
        self.body.show_state(self._blank)
        self._look()

    def _look(self) -> None:
        source, find_budget = self._source, self._find_budget
        assert source is not None
        assert find_budget is not None

        def work(control: JobControl) -> MakingOffer:
            return source.look(find_budget())

        self._looking.ask("See what could be made", work, self._show_offer, self._show_fault)

    def _show_offer(self, offer: MakingOffer) -> None:
        self._offer = offer
        facts = [
            offer.form,
            _tr("{count} parameters").format(count=format_count(offer.facts.parameters)),
            format_bytes(offer.source_bytes),
        ]
        rounding = rounding_of(offer.prospect) if offer.prospect is not None else ""
        told = [", ".join(filter(None, facts)) + ".", rounding or offer.reason]
        self._told.setText(" ".join(filter(None, told)))
        self.types.show_offer(offer, self._meant)
        if any(each.kind.needs_importance_matrix for each in self.types.chosen):
            self.calibration.choose("mixed")
        self.body.show_state(self._filled, self.types)
        self._weigh()

    def _show_fault(self, fault: EnvironmentFault) -> None:
        empty(self._fault_place)
        card = FaultCard(fault, [(_tr("Try again"), "arrow-clockwise", self._look)])
        self._fault_place.addWidget(card)
        self._fault_place.addStretch()
        self.body.show_state(self._faulty, card.buttons[0])

    # What it takes

    def _weigh(self) -> None:
        """After each change: what is chosen, what that takes, and what is in its way."""
        offer, chosen = self._offer, self.types.chosen
        if offer is None:
            return
        needing = [each.kind.name for each in chosen if each.kind.needs_importance_matrix]
        offers = any(each.bits_per_weight < BELOW_BITS for each in chosen)
        self.calibration.advise(needs=", ".join(needing), offers=offers)
        names, tokens = tuple(each.kind.name for each in chosen), self.calibration.tokens
        count = len(names)
        if count == 1:
            self.make_button.setText(_tr("Make {type}").format(type=names[0]))
        else:
            self.make_button.setText(_tr("Make {n} files").format(n=count) if count else _tr("Make"))
        self._tell_problem(needing)
        if not names:
            self.costs.setText(_tr("Choose at least one type."))
            return
        folder = self._folder

        def work(control: JobControl) -> _Weighed:
            import psutil

            from app.convert.offers import costs_of

            cores = psutil.cpu_count(logical=False) or 1
            costs = costs_of(offer, names, calibration_tokens=tokens, cores=cores)
            return _Weighed(costs.file_bytes, costs.memory_bytes, costs.seconds, _free_bytes(folder))

        self._weighing.ask("See what it takes", work, self._show_costs, lambda fault: None)

    def _show_costs(self, weighed: _Weighed) -> None:
        size = format_bytes(weighed.file_bytes)
        if weighed.free_bytes is None:
            room = _tr("{size} on the disk").format(size=size)
        else:
            free = format_bytes(weighed.free_bytes)
            room = _tr("{size} on the disk, which has {free} free").format(size=size, free=free)
        memory = _tr("up to {size} of memory while it works").format(size=format_bytes(weighed.memory_bytes))
        sentences = [room, f"{_about(weighed.seconds)}, {memory}."]
        if self._download_bytes:
            come = _tr("Downloads {size} first").format(size=format_bytes(self._download_bytes))
            sentences.insert(0, come)
        self.costs.setText(". ".join(sentences))
        self._free_bytes = weighed.free_bytes
        self._tell_problem(
            [each.kind.name for each in self.types.chosen if each.kind.needs_importance_matrix]
        )

    def _tell_problem(self, needing: list[str]) -> None:
        """What is in the way, if anything is."""
        chosen, words = self.types.chosen, ""
        wanted = sum(each.file_bytes for each in chosen) + self._download_bytes
        if needing and self.calibration.kind == "none":
            words = _tr("{types} needs a text to calibrate with.").format(types=", ".join(needing))
        elif not self.calibration.is_complete:
            words = _tr("Choose the text to calibrate with.")
        elif self._free_bytes is not None and wanted > self._free_bytes:
            words = _tr("There is not enough room: {wanted} wanted, {free} free.").format(
                wanted=format_bytes(wanted), free=format_bytes(self._free_bytes)
            )
        self.problem.setText(words)
        self.problem.setVisible(bool(words))
        self.make_button.setEnabled(bool(chosen) and not words)

    def _order(self) -> None:
        if not self.make_button.isEnabled() or self._source is None:
            return
        usual = self._source.usual_folder
        folder = self._folder if self._folder != usual else None
        types = tuple(each.kind.name for each in self.types.chosen)
        self.ordered.emit(MakeOrder(types, self.calibration.choice, folder))

    # Where it goes

    def _pick_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, _tr("Choose a folder"), str(self._folder or ""))
        if chosen:
            self.choose_folder(Path(chosen))

    def choose_folder(self, folder: Path) -> None:
        self._folder = folder
        self._show_place()
        self._weigh()

    def _show_place(self) -> None:
        source = self._source
        assert source is not None
        is_usual = self._folder == source.usual_folder
        self._place.setText(source.place if is_usual else str(self._folder))
        self._place.setToolTip(plain_tip(str(self._folder or source.place)))

    # Building

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = self.width() >= theme.px(SIDE_BY_SIDE_PX)
        self._both.setDirection(
            QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        )
        self._options.setMinimumWidth(theme.px(OPTIONS_PX) if beside else 0)
        self._options.setMaximumWidth(theme.px(OPTIONS_PX) if beside else QWIDGETSIZE_MAX)

    def _lay_out(self) -> None:
        name = _tr("Back")
        back = icon_button("arrow-left", name, self.closed.emit, tip=with_keys(name, QKeySequence("Esc")))
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(back)
        head.addWidget(self._title, 1)
        self._make_states()
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self.costs)
        words.addWidget(self.problem)
        foot = QHBoxLayout()
        foot.setSpacing(16)
        foot.addLayout(words, 1)
        foot.addWidget(self.make_button, 0, Qt.AlignmentFlag.AlignBottom)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self._told)
        column.addWidget(self.body, 1)
        column.addLayout(foot)

    def _make_states(self) -> None:
        self._blank = QWidget()
        self._faulty = QWidget()
        self._faulty.setLayout(self._fault_place)
        left = QVBoxLayout()
        left.setSpacing(6)
        theme.follow(self.types, lambda: self.types.setMinimumHeight(theme.px(200)))
        left.addWidget(self.types, 1)
        left.addWidget(self.all_types)
        self._options = QWidget()
        options = QVBoxLayout(self._options)
        options.setContentsMargins(0, 0, 8, 0)
        options.setSpacing(6)
        options.addWidget(label(_tr("Calibrate with"), "strong"))
        options.addWidget(self.calibration)
        options.addSpacing(8)
        options.addWidget(label(_tr("Put it"), "strong"))
        place = QHBoxLayout()
        place.setSpacing(8)
        place.addWidget(self._place, 1)
        place.addWidget(self.folder_button)
        options.addLayout(place)
        options.addStretch()
        inside = QWidget()
        self._both = QBoxLayout(QBoxLayout.Direction.LeftToRight, inside)
        self._both.setContentsMargins(0, 0, 0, 0)
        self._both.setSpacing(20)
        self._both.addLayout(left, 1)
        self._both.addWidget(self._options)
        self._filled = QScrollArea()
        self._filled.setWidgetResizable(True)
        self._filled.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._filled.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._filled.setWidget(inside)
        for state in (self._blank, self._filled, self._faulty):
            self.body.addWidget(state)


@dataclass(frozen=True)
class _Weighed:
    file_bytes: int
    memory_bytes: int
    seconds: float
    free_bytes: int | None


def _about(seconds: float) -> str:
    if seconds < 10:
        return _tr("A few seconds")
    if seconds <= _LONG_S:
        return _tr("About {n} s").format(n=round(seconds / 10) * 10)
    minutes = round(seconds / 60)
    if minutes < 60:
        return _tr("About {n} min").format(n=minutes)
    return _tr("About {time}").format(time=format_duration(60 * minutes))


def _free_bytes(folder: Path | None) -> int | None:
    """On the disk of a folder that need not be there yet; None where nobody knows."""
    while folder is not None:
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            folder = folder.parent if folder != folder.parent else None
    return None


def _tr(text: str) -> str:
    return QCoreApplication.translate("MakePanel", text)
