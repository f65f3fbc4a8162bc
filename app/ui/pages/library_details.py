"""The details of one model beside the list: its name, what can be done with it, and all that its header says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
)

from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl
from app.ui import jobs, theme
from app.ui.pages.library_facts import Fact, HeaderTable, facts_of
from app.ui.pages.library_overview import Overview
from app.ui.pages.library_rows import Row
from app.ui.parts import ElidedLabel, button, icon_button, label, plain_tip, with_keys

if TYPE_CHECKING:  # the engine comes with the job that reads the header
    from app.convert.made import Making
    from app.gguf import ModelFacts

CHOICE_PADDING_PX = 36


@dataclass(frozen=True)
class _Header:
    facts: ModelFacts
    told: list[Fact]
    making: Making | None


class Details(QFrame):
    """Each signal but `closed` carries the row it is asked for."""

    closed = Signal()
    chat_asked = Signal(object)
    compare_asked = Signal(object)
    make_asked = Signal(object, QPoint)
    renamed = Signal(object, str)
    reveal_asked = Signal(object)
    verify_asked = Signal(object)
    delete_asked = Signal(object)
    forget_asked = Signal(object)
    find_asked = Signal(object)
    look_asked = Signal(object)
    result_asked = Signal(object)

    def __init__(self, database: Path) -> None:
        super().__init__()
        self._database = database
        self.setProperty("role", "card")
        self.setAccessibleName(self.tr("Details"))
        self._row: Row | None = None
        self._job: Job[_Header] | None = None
        self._title = ElidedLabel("", "heading")
        self._subtitle = ElidedLabel("", "caption")
        self.name_field = QLineEdit()
        self.name_field.setAccessibleName(self.tr("Name in Nibble"))
        self.name_field.setPlaceholderText(self.tr("Empty for its own name"))
        self.name_fault = label("", "warning", wrap=True)
        self.overview = Overview()
        self.header = HeaderTable()
        self._lay_out()
        self._connect()
        self._end_renaming()
        self.setFocusProxy(self._parts[0])

    @property
    def row(self) -> Row | None:
        """What is shown; None while nothing is."""
        return self._row

    def set_alone(self, alone: bool) -> None:
        """In the place of the list there is a way back, beside it one to close the pane."""
        self._back.setVisible(alone)
        self._close.setVisible(not alone)

    def show_row(self, row: Row) -> None:
        """Another model, or the same after a look; then what the person does in the pane goes on."""
        before, self._row = self._row, row
        is_other = before is None or before.path != row.path
        self._title.setText(row.title)
        self._title.setToolTip("")
        self._subtitle.setText(" · ".join(filter(None, (row.quantization, row.subtitle))))
        self._subtitle.setToolTip(plain_tip(str(row.path)))
        self.overview.show_row(row)
        self._actions.setVisible(row.can_chat)
        self._make.setEnabled(row.can_quantize)
        self._rename.setVisible(row.fault is None)
        if is_other:
            self._end_renaming()
            self.overview.to_top()
            self.overview.memory.clear()
            self.overview.show_making(None)
            self.header.show_facts(())
        if row.fault is not None:
            self._choose_part(0)
        self._parts[1].setEnabled(row.fault is None)
        if row.fault is None and (is_other or before != row):
            self._read(row)

    def forget(self) -> None:
        """Shows nothing any more."""
        self._row = None
        self._end_renaming()

    def begin_renaming(self) -> None:
        row = self._row
        if row is None or row.entry is None:
            return
        self.name_field.setText(row.title)
        self.name_field.show()
        self._title_row.hide()
        self.name_field.setFocus()
        self.name_field.selectAll()

    def show_name_fault(self, fault: EnvironmentFault) -> None:
        """The name that was typed cannot be had; it may be put right."""
        typed = self.name_field.text()
        self.begin_renaming()
        self.name_field.setText(typed)
        self.name_fault.setText(str(fault))
        self.name_fault.show()

    def _end_renaming(self) -> None:
        had_focus = self.name_field.hasFocus()
        self.name_field.hide()
        self.name_fault.hide()
        self._title_row.show()
        if had_focus:
            self._rename.setFocus()

    def _take_name(self) -> None:
        row, name = self._row, self.name_field.text().strip()
        self._end_renaming()
        if row is not None and row.entry is not None and name != row.title:
            self.renamed.emit(row, name)

    def _read(self, row: Row) -> None:
        """The header as a whole: the list keeps only a part of it."""
        if self._job is not None:
            self._job.cancel()
        path, database = row.path, self._database

        def work(control: JobControl) -> _Header:
            from app.convert.made import making_of
            from app.gguf import read_facts
            from app.recommend import need  # noqa: F401  # what memory is told with, loaded before it is needed

            facts = read_facts(path)
            control.cancel.raise_if_cancelled()
            return _Header(facts, facts_of(facts), making_of(database, path))

        def done(header: _Header) -> None:
            if self._row is not None and self._row.path == path:
                self.header.show_facts(header.told)
                self.overview.show_making(header.making)
                if header.facts.kind == "model":
                    self.overview.memory.show_model(header.facts)

        self._job = jobs.run(
            self,
            f"Read the header of {path.name}",
            work,
            on_done=done,
            on_failed=lambda fault: self._fail(path),
        )

    def _fail(self, path: object) -> None:
        """The file changed since the list was made, which will say why as soon as it is made anew."""
        if self._row is not None and self._row.path == path:
            self.look_asked.emit(self._row)

    # Building

    def _lay_out(self) -> None:
        rename_name = self.tr("Rename")
        self._rename = icon_button(
            "pencil-simple",
            rename_name,
            self.begin_renaming,
            tip=with_keys(self.tr("Give it a name of your own; the file keeps its name"), QKeySequence("F2")),
        )
        escape = QKeySequence("Esc")
        name = self.tr("Back to the list")
        self._back = icon_button("arrow-left", name, self.closed.emit, tip=with_keys(name, escape))
        self._close = icon_button(
            "x", self.tr("Close the details"), self.closed.emit, tip=with_keys(self.tr("Close"), escape)
        )
        self._back.hide()
        self._title_row = QFrame()
        titles = QHBoxLayout(self._title_row)
        titles.setContentsMargins(0, 0, 0, 0)
        titles.setSpacing(2)
        titles.addWidget(self._title, 1)
        titles.addWidget(self._rename)
        head = QHBoxLayout()
        head.setSpacing(2)
        head.addWidget(self._back)
        head.addWidget(self._title_row, 1)
        head.addWidget(self.name_field, 1)
        head.addWidget(self._close)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 12, 12)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self._subtitle)
        column.addWidget(self.name_fault)
        column.addWidget(self._make_actions())
        column.addLayout(self._make_parts())
        self._stack = QStackedWidget()
        self._stack.addWidget(self.overview)
        self._stack.addWidget(self.header)
        column.addWidget(self._stack, 1)

    def _make_actions(self) -> QFrame:
        self._actions = QFrame()
        row = QHBoxLayout(self._actions)
        row.setContentsMargins(0, 0, 4, 0)
        row.setSpacing(8)
        self.chat_button = button(
            self.tr("Chat"), lambda: self.chat_asked.emit(self._row), role="primary", glyph="chat-circle"
        )
        self.compare_button = button(
            self.tr("Compare"),
            lambda: self.compare_asked.emit(self._row),
            glyph="scales",
            tip=self.tr("Choose it for comparing side by side, or take it out again"),
        )
        self._make = button(
            self.tr("Make…"),
            self._ask_to_make,
            glyph="arrows-in-simple",
            tip=self.tr("Make a smaller copy of this model, from an F32, F16 or BF16 file"),
        )
        for each in (self.chat_button, self.compare_button, self._make):
            row.addWidget(each)
        row.addStretch()
        return self._actions

    def _make_parts(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        self._choices = QButtonGroup(self)
        self._parts = []
        for number, words in enumerate((self.tr("Overview"), self.tr("Header"))):
            choice = QPushButton(words)
            choice.setProperty("role", "choice")
            # The one that is on is bold, of which its hint knows nothing.
            bold = QFontMetrics(theme.font("body", strong=True)).horizontalAdvance(words)
            choice.setMinimumWidth(bold + CHOICE_PADDING_PX)
            choice.setCheckable(True)
            choice.clicked.connect(lambda checked=False, number=number: self._choose_part(number))
            self._choices.addButton(choice, number)
            self._parts.append(choice)
            row.addWidget(choice)
        row.addStretch()
        self._parts[0].setChecked(True)
        return row

    def _choose_part(self, number: int) -> None:
        self._parts[number].setChecked(True)
        self._stack.setCurrentIndex(number)

    def show_header(self) -> None:
        self._choose_part(1)

    def _ask_to_make(self) -> None:
        self.make_asked.emit(self._row, self._make.mapToGlobal(self._make.rect().bottomRight()))

    def _connect(self) -> None:
        self.name_field.returnPressed.connect(self._take_name)
        overview = self.overview
        for asked, told in (
            (overview.reveal_asked, self.reveal_asked),
            (overview.verify_asked, self.verify_asked),
            (overview.delete_asked, self.delete_asked),
            (overview.forget_asked, self.forget_asked),
            (overview.find_asked, self.find_asked),
            (overview.look_asked, self.look_asked),
            (overview.result_asked, self.result_asked),
        ):
            asked.connect(lambda told=told: told.emit(self._row))
        within = Qt.ShortcutContext.WidgetWithChildrenShortcut
        QShortcut(QKeySequence("Esc"), self, self._escape, context=within)

    def _escape(self) -> None:
        if self.name_field.isVisible():
            self._end_renaming()
        else:
            self.closed.emit()
