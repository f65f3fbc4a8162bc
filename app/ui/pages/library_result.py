"""The result of a making: what was made, of what, how its weights were rounded, and what that cost each tensor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.core.errors import EnvironmentFault
from app.core.jobs import Job
from app.ui import jobs, theme
from app.ui.fault_card import FaultCard
from app.ui.giving_way import GivingWay, usual_px
from app.ui.latest import Latest
from app.ui.pages import library_result_words as words
from app.ui.pages.library_making import ProgressLines
from app.ui.pages.library_result_facts import Facts, Told
from app.ui.pages.library_result_jobs import Original, Result, exists, measuring, opening
from app.ui.pages.library_result_plot import ErrorPlot
from app.ui.pages.library_result_table import TensorTable
from app.ui.pages.library_rows import Row
from app.ui.pages.library_words import describe_age, one_line
from app.ui.parts import ElidedLabel, button, empty, icon_button, label, plain_tip, with_keys
from app.ui.state_stack import StateStack

if TYPE_CHECKING:  # the engine comes with the jobs
    from app.convert.made import Making
    from app.convert.tensor_errors import QuantizationErrors

LOW_PX = 480
"""Of the page, below which it says only what is in no tooltip."""
TABLE_PX = 144
SIDE_BY_SIDE_PX = 900
"""Of the page, from which on the plot stands beside the table and not above it."""


class ResultView(QFrame):
    """`compare_asked` carries the paths of the original and of what was made; `original_asked` a Checkpoint and the
    type to make of it first; `chat_asked` a Row."""

    closed = Signal()
    chat_asked = Signal(object)
    compare_asked = Signal(object)
    original_asked = Signal(object, str)

    def __init__(self, database: Path) -> None:
        super().__init__()
        self._database = database
        self._row: Row | None = None
        self._result: Result | None = None
        self._opening = Latest(self)
        self._measuring: Job[QuantizationErrors] | None = None
        self.setProperty("role", "card")
        self.setAccessibleName(_tr("How it was made"))
        self._title = ElidedLabel("", "heading")
        self.facts = Facts()
        self.plot = ErrorPlot()
        self.table = TensorTable()
        self.body = StateStack()
        self._fault_place = QVBoxLayout()
        self.lines = ProgressLines(_tr("Comparing the weights"))
        self.note = label("", "muted", wrap=True)
        self._lay_out()
        self.plot.tensor_chosen.connect(self.table.choose)
        self.table.tensor_chosen.connect(self.plot.choose)
        self.setFocusProxy(self.body)
        within = Qt.ShortcutContext.WidgetWithChildrenShortcut
        QShortcut(QKeySequence("Esc"), self, self.closed.emit, context=within)

    @property
    def row(self) -> Row | None:
        """Of the model that is shown; None while none is."""
        return self._row

    @property
    def result(self) -> Result | None:
        return self._result

    def show_row(self, row: Row) -> None:
        """Asks how it was made; compares the weights where nobody has."""
        self.forget()
        self._row = row
        self._title.setText(_tr("How {model} was made").format(model=row.label))
        self._title.setToolTip(plain_tip(str(row.path)))
        self.facts.show_facts([])
        self.body.show_state(self._blank)
        self._look(self._show)

    def look_again(self) -> None:
        """What a model can be compared with may have come meanwhile."""
        if self._result is not None and self._measuring is None:
            self._look(self._renew)

    def forget(self) -> None:
        """Shows nothing any more; what is under way is stopped."""
        self._opening.drop()
        self._stop()
        self._row = self._result = None

    def _look(self, show: Callable[[Result | None], None]) -> None:
        row, database = self._row, self._database
        assert row is not None
        path = row.path
        self._opening.ask("Open a result", opening(database, path), show, self._show_fault)

    def _show(self, result: Result | None) -> None:
        if result is None:
            self._explain(_tr("Nothing is known of how this model was made."), None)
            return
        self._result = result
        self._show_facts(result)
        errors = result.making.errors
        if errors is not None:
            self._show_errors(errors)
        else:
            self._measure()

    def _renew(self, result: Result | None) -> None:
        if result is not None:
            self._result = result
            self._show_facts(result)

    def _show_facts(self, result: Result) -> None:
        making, row = result.making, self._row
        assert row is not None
        form = f" ({making.source_form})" if making.source_form else ""
        errors = making.errors
        bits = _tr("{bits:.2f} bits per weight").format(bits=row.bits_per_weight)
        sizes = [_tr("{count:,} bytes").format(count=row.file_bytes)]
        if result.source_bytes:
            sizes.append(_tr("The source has {count:,}").format(count=result.source_bytes))
        self.facts.show_facts(
            [
                Told(_tr("Made of"), f"{one_line(making.source_name)}{form}", making.source),
                Told(_tr("Rounding"), words.rounding(making), words.rounding_explained(making)),
                Told(
                    _tr("Calibrated with"),
                    one_line(words.calibration(making)),
                    _calibration_explained(making),
                ),
                Told(_tr("Size"), words.size(row.file_bytes, result.source_bytes), "\n".join(sizes)),
                Told(_tr("Bits per weight"), f"{row.bits_per_weight:.2f}", bits),
                Told(
                    _tr("Error of all weights"),
                    words.error(errors.relative if errors else None),
                    words.error_explained(),
                ),
                Told(_tr("Made"), describe_age(making.made_at), words.when(making)),
            ]
        )
        original = result.original
        self.compare_button.setEnabled(original.path is not None or original.checkpoint is not None)
        if original.path is not None or original.checkpoint is None:
            self.compare_button.setText(_tr("Compare with the original"))
        else:
            self.compare_button.setText(_tr("Make {type} to compare").format(type=original.precision))
        self.compare_button.setToolTip(plain_tip(_compare_tip(original, making)))

    def _show_errors(self, errors: QuantizationErrors) -> None:
        self.plot.show_tensors(errors.tensors)
        self.table.show_tensors(errors.worst_first)
        self.note.setText(words.error_explained())
        self.body.show_state(self._filled, self.table)

    # Comparing the weights

    def _measure(self) -> None:
        row, result, database = self._row, self._result, self._database
        assert row is not None
        assert result is not None
        if not exists(result.making.source):
            self._explain(
                _tr("{source} is not there any more, so the weights cannot be compared.").format(
                    source=result.making.source
                ),
                None,
            )
            return
        self.lines.show_words(_tr("Begins…"))
        self.body.show_state(self._busy, self.cancel)
        job = jobs.run(
            self,
            f"Compare the weights of {row.path.name}",
            measuring(database, row.path, Path(result.making.source)),
            on_progress=self.lines.show_progress,
            on_done=lambda errors: self._measured(row, errors),
            on_failed=lambda fault: self._not_measured(row, fault),
            on_cancelled=lambda: self._cancelled(row),
        )
        self._measuring = job

    def _measured(self, row: Row, errors: QuantizationErrors) -> None:
        if self._row is row:
            self._measuring = None
            self._show_errors(errors)
            self._look(self._renew)

    def _not_measured(self, row: Row, fault: EnvironmentFault) -> None:
        if self._row is row:
            self._measuring = None
            self._show_fault(fault)

    def _cancelled(self, row: Row) -> None:
        if self._row is row:
            self._measuring = None
            self._explain(
                _tr("The weights have not been compared, so the error of each tensor is not known."),
                self._measure,
            )

    def _stop(self) -> None:
        job, self._measuring = self._measuring, None
        if job is not None:
            job.cancel()

    def _cancel(self) -> None:
        self.lines.show_cancelling()
        if self._measuring is not None:
            self._measuring.cancel()

    def _explain(self, sentence: str, act: Callable[[], object] | None) -> None:
        self.explanation.setText(sentence)
        self.begin.setVisible(act is not None)
        self.body.show_state(self._unknown, self.begin if act is not None else None)

    def _show_fault(self, fault: EnvironmentFault) -> None:
        empty(self._fault_place)
        again = self._measure if self._result is not None else lambda: self._look(self._show)
        card = FaultCard(fault, [(_tr("Try again"), "arrow-clockwise", again)])
        self._fault_place.addWidget(card)
        self._fault_place.addStretch()
        self.body.show_state(self._faulty, card.buttons[0])

    def _compare(self) -> None:
        if self._row is None or self._result is None:
            return
        original = self._result.original
        if original.path is not None:
            self.compare_asked.emit([original.path, self._row.path])
        elif original.checkpoint is not None:
            self.original_asked.emit(original.checkpoint, original.precision)

    # Building

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        beside = self.width() >= theme.px(SIDE_BY_SIDE_PX)
        direction = QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        self._both.setDirection(direction)
        # The fact and the title of the column have it as their tooltip.
        self.note.setVisible(self.height() >= theme.px(LOW_PX))

    def _lay_out(self) -> None:
        name = _tr("Back to the list")
        back = icon_button("arrow-left", name, self.closed.emit, tip=with_keys(name, QKeySequence("Esc")))
        self.chat_button = button(_tr("Chat"), lambda: self.chat_asked.emit(self._row), glyph="chat-circle")
        self.compare_button = button(
            _tr("Compare with the original"), self._compare, role="primary", glyph="scales"
        )
        self.compare_button.setEnabled(False)
        self.copy_button = icon_button(
            "copy", _tr("Copy the table"), self.table.copy, tip=_tr("Copy the rows that are chosen, or all")
        )
        line = QWidget()
        head = QHBoxLayout(line)
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(8)
        head.addWidget(back)
        head.addWidget(self._title, 1)
        head.addWidget(self.copy_button)
        head.addWidget(self.chat_button)
        head.addWidget(self.compare_button)
        GivingWay(line, (self.chat_button,), lambda: usual_px(line))
        self._make_states()
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(10)
        column.addWidget(line)
        column.addWidget(self.facts)
        column.addWidget(self.body, 1)

    def _make_states(self) -> None:
        self._blank = QWidget()
        inside = QWidget()
        self._both = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._both.setSpacing(12)
        self._both.addWidget(self.plot, 2)
        self._both.addWidget(self.table, 3)
        theme.follow(self.table, lambda: self.table.setMinimumHeight(theme.px(TABLE_PX)))
        _column(inside).addLayout(self._both, 1)
        scrolled = QScrollArea()
        scrolled.setWidgetResizable(True)
        scrolled.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scrolled.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scrolled.setWidget(inside)
        self._filled = QWidget()
        filled = _column(self._filled)
        filled.addWidget(self.note)
        filled.addWidget(scrolled, 1)
        self.cancel = button(_tr("Cancel"), self._cancel, tip=_tr("Stop comparing; the model stays"))
        self._busy = QWidget()
        line = QHBoxLayout()
        line.setSpacing(16)
        line.addWidget(self.lines, 1)
        line.addWidget(self.cancel)
        busy = _column(self._busy)
        busy.addWidget(label(_tr("Each weight is held against the one it was made of."), "muted", wrap=True))
        busy.addLayout(line)
        busy.addStretch()
        self.explanation = label("", wrap=True)
        self.begin = button(_tr("Compare the weights"), self._measure, glyph="play")
        below = QHBoxLayout()
        below.addWidget(self.begin)
        below.addStretch()
        self._unknown = QWidget()
        unknown = _column(self._unknown)
        unknown.addWidget(self.explanation)
        unknown.addLayout(below)
        unknown.addStretch()
        self._faulty = QWidget()
        self._faulty.setLayout(self._fault_place)
        for state in (self._blank, self._filled, self._busy, self._unknown, self._faulty):
            self.body.addWidget(state)


def _calibration_explained(making: Making) -> str:
    if making.calibrated_with:
        return _tr("Weights that matter more for this text were rounded with more care.")
    return _tr("All weights were rounded with the same care.")


def _compare_tip(original: Original, making: Making) -> str:
    if original.path is not None:
        return _tr("Opens Compare with {source} and this model").format(source=original.path.name)
    if original.checkpoint is not None:
        return _tr(
            "A checkpoint cannot be loaded itself: makes {type} of it, with which this model can be compared then"
        ).format(type=original.precision)
    return _tr("{source} is not there any more.").format(source=making.source)


def _column(parent: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(parent)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(8)
    return column


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryResult", text)
