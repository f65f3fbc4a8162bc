"""Where the space goes: how much each program's models take, and what is on the disk more than once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.core.jobs import Job, JobControl
from app.core.units import format_bytes
from app.ui import jobs
from app.ui.pages.library_making import ProgressLines
from app.ui.pages.library_rows import Row
from app.ui.pages.library_words import one_line
from app.ui.parts import ElidedLabel, Glyph, button, empty, icon_button, label, plain_tip, with_keys
from app.ui.services import Services

if TYPE_CHECKING:  # the library is imported by the jobs
    from app.library import Duplicates, PlaceSize


class Space(QFrame):
    """`delete_asked` and `details_asked` carry the row of one copy."""

    closed = Signal()
    delete_asked = Signal(object)
    details_asked = Signal(object)

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._rows: Sequence[Row] = ()
        self._adding: Job[list[PlaceSize]] | None = None
        self.setProperty("role", "card")
        self.setAccessibleName(_tr("Disk space"))
        self._total = label("", "muted", wrap=True)
        self._places = _empty_column()
        self.duplicates = DuplicateSearch(services)
        self.duplicates.delete_asked.connect(self.delete_asked)
        self.duplicates.details_asked.connect(self.details_asked)
        self._lay_out()

    def show_rows(self, rows: Sequence[Row]) -> None:
        """What a look has found; sizes follow."""
        self._rows = rows
        self.duplicates.show_rows(rows)
        if self.isVisible():
            self.add_up()

    def add_up(self) -> None:
        if self._adding is not None:
            self._adding.cancel()
        services = self._services
        entries = [row.entry for row in self._rows if row.entry is not None]

        def work(control: JobControl) -> list[PlaceSize]:
            from app.library import library_places, place_sizes

            return place_sizes(entries, library_places(services.folder, services.preferences.model_folders))

        self._adding = jobs.run(self, "Add up how large models are", work, on_done=self._show_sizes)

    def _show_sizes(self, sizes: list[PlaceSize]) -> None:
        _clear(self._places)
        total = sum(size.file_bytes for size in sizes)
        count = sum(size.models for size in sizes)
        words = _tr("1 file, {size}") if count == 1 else _tr("{n} files, {size}")
        self._total.setText(words.format(n=f"{count:,}", size=format_bytes(total)))
        for size in sizes:
            self._places.addWidget(_PlaceLine(size, total))

    def set_alone(self, alone: bool) -> None:
        """As in the details."""
        self._back.setVisible(alone)
        self._close.setVisible(not alone)

    def _lay_out(self) -> None:
        escape = QKeySequence("Esc")
        name = _tr("Back to the list")
        self._back = icon_button("arrow-left", name, self.closed.emit, tip=with_keys(name, escape))
        self._close = icon_button("x", _tr("Close"), self.closed.emit, tip=with_keys(_tr("Close"), escape))
        self._back.hide()
        head = QHBoxLayout()
        head.addWidget(self._back)
        head.addWidget(label(_tr("Disk space"), "heading"))
        head.addStretch()
        head.addWidget(self._close)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 8, 8)
        column.setSpacing(12)
        column.addWidget(self._total)
        column.addLayout(self._places)
        column.addSpacing(8)
        column.addWidget(self.duplicates)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 12, 12, 12)
        outer.setSpacing(8)
        outer.addLayout(head)
        outer.addWidget(scroll, 1)
        QShortcut(
            QKeySequence("Esc"), self, self.closed.emit, context=Qt.ShortcutContext.WidgetWithChildrenShortcut
        )


class _PlaceLine(QWidget):
    """One folder: whose it is, how much is in it, and its share of all."""

    def __init__(self, size: PlaceSize, total_bytes: int) -> None:
        super().__init__()
        folder = str(size.place.folder)
        count = _tr("1 file") if size.models == 1 else _tr("{n} files").format(n=f"{size.models:,}")
        amount = format_bytes(size.file_bytes)
        exact = _tr("{count:,} bytes").format(count=size.file_bytes)
        self.setToolTip(plain_tip(f"{folder}\n{exact}"))
        self.setAccessibleName(f"{size.place.program.title}, {folder}: {amount}, {count}")
        upper = QHBoxLayout()
        upper.setSpacing(8)
        upper.addWidget(ElidedLabel(size.place.program.title, "strong"), 1)
        upper.addWidget(label(amount, "strong"))
        lower = QHBoxLayout()
        lower.setSpacing(8)
        lower.addWidget(ElidedLabel(one_line(folder), "caption", Qt.TextElideMode.ElideMiddle), 1)
        lower.addWidget(label(count, "caption"))
        bar = QProgressBar()
        bar.setTextVisible(False)
        bar.setRange(0, 1000)
        bar.setValue(round(1000 * size.file_bytes / total_bytes) if total_bytes else 0)
        bar.setAccessibleName(size.place.program.title)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(upper)
        column.addWidget(bar)
        column.addLayout(lower)


class DuplicateSearch(QWidget):
    """Finds models that are on the disk more than once when a person asks for it."""

    delete_asked = Signal(object)
    details_asked = Signal(object)

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._rows: Sequence[Row] = ()
        self._job: Job[list[Duplicates]] | None = None
        self._found: list[list[Row]] | None = None
        self._words = label("", "muted", wrap=True)
        self._groups = _empty_column()
        self.lines = ProgressLines(_tr("Looking for duplicates"))
        self.begin = button(_tr("Find duplicates"), self.search, glyph="copy-simple")
        self.cancel_button = button(_tr("Cancel"), self.cancel, tip=_tr("Stop looking; nothing is changed"))
        row = QHBoxLayout()
        row.addWidget(self.begin)
        row.addWidget(self.cancel_button)
        row.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(label(_tr("Duplicates"), "strong"))
        column.addWidget(self._words)
        column.addLayout(self._groups)
        column.addWidget(self.lines)
        column.addLayout(row)
        self._settle()

    @property
    def groups(self) -> list[list[Row]]:
        """What was found and is still there more than once."""
        return self._found or []

    def show_rows(self, rows: Sequence[Row]) -> None:
        """What of the copies is gone is shown no more."""
        self._rows = rows
        if self._found is not None:
            by_path = {row.path: row for row in rows if row.fault is None}
            kept = [[by_path[row.path] for row in group if row.path in by_path] for group in self._found]
            self._found = [group for group in kept if len(group) > 1]
            self._settle()

    def search(self) -> None:
        if self._job is not None:
            return
        rows, database = self._rows, self._services.folder.database
        entries = [row.entry for row in rows if row.entry is not None]

        def work(control: JobControl) -> list[Duplicates]:
            from app.library import find_duplicates

            return find_duplicates(entries, database, control)

        self.lines.show_words(_tr("Begins…"))
        self._job = jobs.run(
            self,
            "Find duplicates",
            work,
            on_progress=self.lines.show_progress,
            on_done=self._show_found,
            on_end=self._ended,
        )
        self._settle()

    def cancel(self) -> None:
        if self._job is not None:
            self.lines.show_cancelling()
            self._job.cancel()

    def _show_found(self, found: list[Duplicates]) -> None:
        by_path = {row.path: row for row in self._rows}
        groups = [[by_path[entry.path] for entry in each.entries if entry.path in by_path] for each in found]
        self._found = [group for group in groups if len(group) > 1]

    def _ended(self) -> None:
        self._job = None
        self._settle()

    def _settle(self) -> None:
        is_busy = self._job is not None
        self.lines.setVisible(is_busy)
        self.cancel_button.setVisible(is_busy)
        self.begin.setVisible(not is_busy)
        self.begin.setText(_tr("Find duplicates") if self._found is None else _tr("Look again"))
        self._words.setText(self._sentence(is_busy))
        _clear(self._groups)
        for group in self.groups if not is_busy else ():
            self._groups.addWidget(self._card(group))

    def _sentence(self, is_busy: bool) -> str:
        if is_busy:
            return _tr("Files of one size are compared, and read whole only where their ends agree.")
        if self._found is None:
            return _tr(
                "Models that are on the disk more than once, told by their content and not by their names."
            )
        if not self._found:
            return _tr("No model is here twice.")
        free = format_bytes(sum(_to_free(group) for group in self._found))
        if len(self._found) == 1:
            return _tr("1 model is here more than once. Keeping one copy frees up to {size}.").format(
                size=free
            )
        return _tr("{n} models are here more than once. Keeping one copy of each frees up to {size}.").format(
            n=len(self._found), size=free
        )

    def _card(self, group: list[Row]) -> QFrame:
        frame = QFrame()
        frame.setProperty("role", "card")
        column = QVBoxLayout(frame)
        column.setContentsMargins(12, 10, 8, 10)
        column.setSpacing(6)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(Glyph("copy-simple", "accent"))
        head.addWidget(ElidedLabel(group[0].label, "strong"), 1)
        column.addLayout(head)
        told = _tr("{n} copies of {size}").format(n=len(group), size=format_bytes(group[0].file_bytes))
        column.addWidget(label(told, "caption"))
        for row in group:
            column.addLayout(self._copy(row))
        return frame

    def _copy(self, row: Row) -> QHBoxLayout:
        where = ElidedLabel(one_line(str(row.path)), "caption", Qt.TextElideMode.ElideMiddle)
        where.setToolTip(plain_tip(str(row.path)))
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(ElidedLabel(row.source))
        words.addWidget(where)
        line = QHBoxLayout()
        line.setSpacing(4)
        line.addLayout(words, 1)
        name = _tr("Details of {file}").format(file=row.path.name)
        line.addWidget(icon_button("info", name, partial(self.details_asked.emit, row), tip=_tr("Details")))
        line.addWidget(self._delete_button(row))
        return line

    def _delete_button(self, row: Row) -> QWidget:
        is_own = row.entry is not None and row.entry.program.is_own
        name = _tr("Delete {file}").format(file=row.path)
        made = icon_button("trash", name, partial(self.delete_asked.emit, row), tip=_tr("Delete this copy…"))
        made.setEnabled(is_own)
        if not is_own:
            made.setToolTip(_tr("It belongs to {program}; delete it there.").format(program=row.source))
        return made


def _to_free(group: Sequence[Row]) -> int:
    """What deleting all but one would free, in bytes."""
    return sum(row.file_bytes for row in group[1:])


def _empty_column() -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(12)
    return column


def _clear(column: QVBoxLayout) -> None:
    empty(column)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
