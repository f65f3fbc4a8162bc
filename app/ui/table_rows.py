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

_MOST_TOLD_APART = 64
"""Rows that have changed; views take in more of them faster all at once."""


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
        self._columns = tuple(columns)  # views ask for them tens of thousands of times, and an Enum is slow
        self._readers, self._headers, self._key = readers, headers, key

    @property
    def rows(self) -> Sequence[Any]:
        return self._rows

    def set_rows(self, rows: Sequence[Any]) -> None:
        """Shows exactly these, in some order: a view that cares sorts them."""
        by_key = {self._key(row): row for row in rows}
        present = [self._key(row) for row in self._rows]
        is_told_apart = len(by_key) == len(rows) and len(set(present)) == len(present)
        if is_told_apart and by_key.keys() >= set(present):
            self._change_to([by_key.pop(key) for key in present])
            self.extend(list(by_key.values()))
            return
        self.beginResetModel()
        self._rows = list(rows)
        self.endResetModel()

    def change_column(self, rows: Sequence[Any], column: int) -> None:
        """The same rows in the same order, with other values in one column: views need not sort by others anew."""
        self._rows = list(rows)
        if rows:
            self.dataChanged.emit(self.index(0, column), self.index(len(rows) - 1, column))

    def _change_to(self, rows: list[Any]) -> None:
        before, self._rows = self._rows, rows
        changed = [
            at
            for at, (old, new) in enumerate(zip(before, rows, strict=True))
            if old is not new and old != new
        ]
        if len(changed) > _MOST_TOLD_APART:
            self._tell_of_change(0, len(rows) - 1)
        else:
            for at in changed:
                self._tell_of_change(at, at)

    def _tell_of_change(self, first: int, last: int) -> None:
        self.dataChanged.emit(self.index(first, 0), self.index(last, len(self._columns) - 1))

    def extend(self, rows: Sequence[Any]) -> None:
        if rows:
            at = len(self._rows)
            self.beginInsertRows(QModelIndex(), at, at + len(rows) - 1)
            self._rows.extend(rows)
            self.endInsertRows()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        reader = self._readers.get(role) if index.isValid() else None
        return reader(self._rows[index.row()], self._columns[index.column()]) if reader else None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        reader = self._headers.get(role) if orientation is Qt.Orientation.Horizontal else None
        return reader(self._columns[section]) if reader else None
