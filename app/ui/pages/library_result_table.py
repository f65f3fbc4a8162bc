"""The tensors of a model that was made here, with what it cost each of them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QCoreApplication, QItemSelectionModel, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
)

from app.core.units import format_bytes
from app.ui import theme
from app.ui.pages import library_result_words as words
from app.ui.pages.library_words import one_line
from app.ui.parts import plain_tip
from app.ui.table_rows import ROW_ROLE, Headers, Index, Readers, RowModel

if TYPE_CHECKING:  # the engine comes with the job that looks
    from app.convert.tensor_errors import TensorError

_SORT_ROLE = int(Qt.ItemDataRole.UserRole) + 1
_NARROW_PX = 560
"""Below it there is no room for what can be told from the type."""


class TensorColumn(IntEnum):
    NAME = 0
    TYPE = 1
    BITS = 2
    SIZE = 3
    LARGEST = 4
    ERROR = 5


class TensorTable(QTreeView):
    """`tensor_chosen` carries the name of the current one."""

    tensor_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._rows = RowModel(self, TensorColumn, _ROLES, _HEADERS, lambda tensor: tensor.name)
        self._sorted = _Sorted(self)
        self._sorted.setSourceModel(self._rows)
        self.setModel(self._sorted)
        self.setAccessibleName(_tr("What it cost each tensor"))
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setSortingEnabled(True)
        self.sortByColumn(TensorColumn.ERROR, Qt.SortOrder.DescendingOrder)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setProperty("role", "facts")
        self.setItemDelegate(_Cells(self))
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSortIndicatorShown(False)
        header.setSectionsClickable(True)
        copy = QKeySequence(QKeySequence.StandardKey.Copy)
        QShortcut(copy, self, self.copy, context=Qt.ShortcutContext.WidgetShortcut)
        self.selectionModel().currentRowChanged.connect(self._tell_current)
        theme.follow(self, self._share_width)

    @property
    def shown(self) -> list[TensorError]:
        """In the order in which they are shown."""
        model = self._sorted
        return [model.index(row, 0).data(ROW_ROLE) for row in range(model.rowCount())]

    def show_tensors(self, tensors: Sequence[TensorError]) -> None:
        self._rows.set_rows(tensors)
        self.scrollToTop()

    def choose(self, name: str) -> None:
        for row, tensor in enumerate(self.shown):
            if tensor.name == name:
                index = self._sorted.index(row, 0)
                flag = QItemSelectionModel.SelectionFlag
                self.selectionModel().setCurrentIndex(index, flag.ClearAndSelect | flag.Rows)
                self.scrollTo(index)

    def copy(self) -> None:
        """The rows that are chosen, or all, as text with tabs."""
        chosen = [index.data(ROW_ROLE) for index in self.selectionModel().selectedRows()]
        columns = tuple(TensorColumn)
        lines = [[_TITLES[column]() for column in columns]]
        lines += [[_text(tensor, column) for column in columns] for tensor in chosen or self.shown]
        QGuiApplication.clipboard().setText("\n".join("\t".join(line) for line in lines))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._share_width()

    def _share_width(self) -> None:
        """Numbers have what they need, names the rest."""
        narrow = self.viewport().width() < theme.px(_NARROW_PX)
        left = self.viewport().width()
        for column, usual_px in _WIDTHS_PX.items():
            self.setColumnHidden(column, narrow and column in (TensorColumn.BITS, TensorColumn.LARGEST))
            if not self.isColumnHidden(column):
                self.header().resizeSection(column, theme.px(usual_px))
                left -= theme.px(usual_px)
        self.header().resizeSection(TensorColumn.NAME, max(left, theme.px(120)))

    def _tell_current(self, current: Index) -> None:
        tensor = current.data(ROW_ROLE)
        if tensor is not None:
            self.tensor_chosen.emit(tensor.name)


_WIDTHS_PX = {
    TensorColumn.TYPE: 84,
    TensorColumn.BITS: 60,
    TensorColumn.SIZE: 84,
    TensorColumn.LARGEST: 108,
    TensorColumn.ERROR: 88,
}


class _Sorted(QSortFilterProxyModel):
    def __init__(self, parent: QTreeView) -> None:
        super().__init__(parent)
        self.setSortRole(_SORT_ROLE)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        data = super().headerData(section, orientation, role)
        if role == Qt.ItemDataRole.DisplayRole and section == self.sortColumn() and data:
            return f"{data} {'↑' if self.sortOrder() is Qt.SortOrder.AscendingOrder else '↓'}"
        return data


class _Cells(QStyledItemDelegate):
    """Names are told apart by both their ends."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideMiddle


def _text(tensor: TensorError, column: TensorColumn) -> str:
    match column:
        case TensorColumn.NAME:
            return one_line(tensor.name)
        case TensorColumn.TYPE:
            return tensor.type
        case TensorColumn.BITS:
            return f"{tensor.bits_per_weight:.2f}"
        case TensorColumn.SIZE:
            return format_bytes(tensor.size_bytes)
        case TensorColumn.LARGEST:
            return "–" if tensor.largest is None else f"{tensor.largest:.3g}"
        case TensorColumn.ERROR:
            return words.error(tensor.relative)


def _sort_key(tensor: TensorError, column: TensorColumn) -> Any:
    match column:
        case TensorColumn.NAME:
            return "".join(f"{part:>6}" if part.isdigit() else part for part in tensor.name.split("."))
        case TensorColumn.TYPE:
            return tensor.type
        case TensorColumn.BITS:
            return tensor.bits_per_weight
        case TensorColumn.SIZE:
            return float(tensor.size_bytes)
        case TensorColumn.LARGEST:
            return -1.0 if tensor.largest is None else tensor.largest
        case TensorColumn.ERROR:
            return -1.0 if tensor.relative is None else tensor.relative


def _tip(tensor: TensorError, column: TensorColumn) -> str:
    if column is TensorColumn.SIZE:
        return _tr("{count:,} bytes").format(count=tensor.size_bytes)
    shape = " × ".join(map(str, tensor.shape))
    told = _tr("{name}\n{shape}, {source} to {type}\nError {error}").format(
        name=tensor.name,
        shape=shape,
        source=tensor.source_type,
        type=tensor.type,
        error=words.error(tensor.relative),
    )
    if tensor.relative is None:
        told += "\n" + _tr(
            "Its numbers cannot be compared: of a type nobody here reads, or no numbers at all."
        )
    return plain_tip(told)


def _alignment(column: TensorColumn) -> Qt.AlignmentFlag:
    is_text = column in (TensorColumn.NAME, TensorColumn.TYPE)
    side = Qt.AlignmentFlag.AlignLeft if is_text else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter


_ROLES: Readers = {
    int(Qt.ItemDataRole.DisplayRole): _text,
    int(Qt.ItemDataRole.ToolTipRole): _tip,
    int(Qt.ItemDataRole.TextAlignmentRole): lambda tensor, column: _alignment(column),
    _SORT_ROLE: _sort_key,
    ROW_ROLE: lambda tensor, column: tensor,
}

_TITLES = {
    TensorColumn.NAME: lambda: _tr("Tensor"),
    TensorColumn.TYPE: lambda: _tr("Type"),
    TensorColumn.BITS: lambda: _tr("Bits"),
    TensorColumn.SIZE: lambda: _tr("Size"),
    TensorColumn.LARGEST: lambda: _tr("Largest"),
    TensorColumn.ERROR: lambda: _tr("Error"),
}

_MEANINGS = {
    TensorColumn.TYPE: lambda: _tr("How its numbers are stored now"),
    TensorColumn.BITS: lambda: _tr("Bits for each weight"),
    TensorColumn.LARGEST: lambda: _tr("The greatest difference of a single weight, in the weights' own unit"),
    TensorColumn.ERROR: lambda: words.error_explained(),
}

_HEADERS: Headers = {
    int(Qt.ItemDataRole.DisplayRole): lambda column: _TITLES[column](),
    int(Qt.ItemDataRole.ToolTipRole): lambda column: _MEANINGS[column]() if column in _MEANINGS else None,
    int(Qt.ItemDataRole.TextAlignmentRole): lambda column: _alignment(column),
}


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryResult", text)
