"""All that a model's header says, in a table that can be searched and copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QSortFilterProxyModel, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app.core.units import format_bytes
from app.ui.pages.library_words import one_line
from app.ui.parts import icon_button, label, let_clear, plain_tip
from app.ui.table_rows import Headers, Index, Readers, RowModel

if TYPE_CHECKING:  # the engine comes with the job that reads the header
    from app.gguf import ModelFacts

WIDEST_KEY_PX = 360
_MOST_SHOWN = 300
"""Characters in a cell; copied is the whole."""
_MOST_IN_TIP = 1500


class FactColumn(IntEnum):
    KEY = 0
    VALUE = 1


@dataclass(frozen=True)
class Fact:
    key: str
    value: str


def facts_of(facts: ModelFacts) -> list[Fact]:
    """The header's keys in their order, then its tensors; for a job."""
    metadata = [Fact(key, _described(value)) for key, value in facts.metadata.items()]
    tensors = [
        Fact(
            tensor.name,
            f"{tensor.type} · {' × '.join(map(str, tensor.shape))} · {format_bytes(tensor.size_bytes)}",
        )
        for tensor in facts.tensors
    ]
    return [*metadata, *tensors]


class HeaderTable(QWidget):
    """Copies the rows that are chosen, or else all that are shown."""

    def __init__(self) -> None:
        super().__init__()
        self._rows = RowModel(self, FactColumn, _ROLES, _HEADERS, lambda fact: fact.key)
        self._shown = QSortFilterProxyModel(self)
        self._shown.setSourceModel(self._rows)
        self._shown.setFilterKeyColumn(-1)
        self._shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.search = QLineEdit()
        self.search.setPlaceholderText(_tr("Search in the header"))
        self.search.setAccessibleName(_tr("Search in the header"))
        let_clear(self.search)
        self.search.textChanged.connect(self._find)
        self.copy_button = icon_button(
            "copy", _tr("Copy"), self.copy, tip=_tr("Copy the rows that are chosen, or all that are shown")
        )
        self._count = label("", "caption")
        self.view = QTreeView()
        self._set_up_view()
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.search, 1)
        row.addWidget(self.copy_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(row)
        column.addWidget(self.view, 1)
        column.addWidget(self._count)

    @property
    def shown(self) -> list[Fact]:
        model = self._shown
        rows = [model.mapToSource(model.index(number, 0)).row() for number in range(model.rowCount())]
        return [self._rows.rows[row] for row in rows]

    def show_facts(self, facts: Sequence[Fact]) -> None:
        self._rows.set_rows(facts)
        self._tell()

    def copy(self) -> None:
        chosen = sorted(
            {self._shown.mapToSource(each).row() for each in self.view.selectionModel().selectedRows()}
        )
        facts = [self._rows.rows[row] for row in chosen] or self.shown
        QGuiApplication.clipboard().setText("\n".join(f"{fact.key}\t{fact.value}" for fact in facts))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.view.header().resizeSection(FactColumn.KEY, min(self.width() * 48 // 100, WIDEST_KEY_PX))

    def _find(self, text: str) -> None:
        self._shown.setFilterFixedString(text.strip())
        self._tell()

    def _tell(self) -> None:
        shown, there = self._shown.rowCount(), len(self._rows.rows)
        if shown == there:
            self._count.setText(_tr("{n} entries").format(n=f"{there:,}"))
        elif shown:
            self._count.setText(_tr("{n} of {all} entries").format(n=f"{shown:,}", all=f"{there:,}"))
        else:
            self._count.setText(_tr("Nothing in this header matches."))

    def _set_up_view(self) -> None:
        view = self.view
        view.setModel(self._shown)
        view.setAccessibleName(_tr("What the header says"))
        view.setRootIsDecorated(False)
        view.setUniformRowHeights(True)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setProperty("role", "facts")
        view.setItemDelegate(_Cells(view))
        header = view.header()
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        copy = QKeySequence(QKeySequence.StandardKey.Copy)
        QShortcut(copy, view, self.copy, context=Qt.ShortcutContext.WidgetShortcut)


class _Cells(QStyledItemDelegate):
    """Keys are told apart by both their ends, values by their beginning."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        is_key = index.column() == FactColumn.KEY
        elide = Qt.TextElideMode.ElideMiddle if is_key else Qt.TextElideMode.ElideRight
        option.textElideMode = elide


def _described(value: object) -> str:
    from app.gguf import SkippedArray

    if isinstance(value, SkippedArray):
        return _tr("{n} of type {type}").format(n=f"{value.count:,}", type=value.type)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(map(_described, value))
    return str(value)


def _cell(fact: Fact, column: FactColumn) -> str:
    return one_line((fact.key if column is FactColumn.KEY else fact.value)[:_MOST_SHOWN])


_ROLES: Readers = {
    int(Qt.ItemDataRole.DisplayRole): _cell,
    int(Qt.ItemDataRole.ToolTipRole): lambda fact, column: plain_tip(
        f"{fact.key}\n{fact.value}"[:_MOST_IN_TIP]
    ),
}

_HEADERS: Headers = {
    int(Qt.ItemDataRole.DisplayRole): lambda column: _tr("Key") if column is FactColumn.KEY else _tr("Value"),
}


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
