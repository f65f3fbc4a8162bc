"""The Qt model over rows of one kind, each a frozen value, whose cells are read by functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

Index = QModelIndex | QPersistentModelIndex
Readers = Mapping[int, Callable[[Any, Any], Any]]
"""By role: what the cell of a row and a column holds."""

Headers = Mapping[int, Callable[[Any], Any]]
"""By role: what the title of a column holds."""

ROW_ROLE = int(Qt.ItemDataRole.UserRole)
"""The row itself."""


class RowModel(QAbstractTableModel):
    """`key` tells rows apart: where the same ones stay, so do selection and scroll position."""

    def __init__(
        self,
        parent: QObject,
        columns: type[IntEnum],
        readers: Readers,
        headers: Headers,
        key: Callable[[Any], object],
    ) -> None:
        super().__init__(parent)
        self._rows: list[Any] = []
        self._columns, self._readers, self._headers, self._key = columns, readers, headers, key

    @property
    def rows(self) -> Sequence[Any]:
        return self._rows

    def set_rows(self, rows: Sequence[Any]) -> None:
        """Shows exactly these."""
        if list(map(self._key, rows)) == list(map(self._key, self._rows)):
            self._rows = list(rows)
            if rows:
                self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self._columns) - 1))
            return
        self.beginResetModel()
        self._rows = list(rows)
        self.endResetModel()

    def append(self, row: Any) -> None:
        at = len(self._rows)
        self.beginInsertRows(QModelIndex(), at, at)
        self._rows.append(row)
        self.endInsertRows()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        reader = self._readers.get(role) if index.isValid() else None
        return reader(self._rows[index.row()], self._columns(index.column())) if reader else None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        reader = self._headers.get(role) if orientation is Qt.Orientation.Horizontal else None
        return reader(self._columns(section)) if reader else None
