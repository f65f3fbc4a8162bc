"""The Qt models of the Library: they hold, sort and filter its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QSortFilterProxyModel, Qt

from app.ui.pages.library_rows import HEADERS, ROLES, Column, Row, searched, sort_key, verdict_of
from app.ui.table_rows import Index, RowModel

if TYPE_CHECKING:  # the engine comes with the job that works verdicts out
    from app.recommend.fit import Fit


class Rows(RowModel):
    """The lines of the library, with what they are sorted by and found by."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent, Column, ROLES, HEADERS, lambda row: str(row.path))
        self._keys: dict[int, list[Any]] = {}
        self._words: list[str] = []

    def keys(self, column: int) -> list[Any]:
        """In the order of the rows: a rank, which is the same whichever way a column is sorted, and a key."""
        keys = self._keys.get(column)
        if keys is None:
            by = Column(column)
            keys = self._keys[column] = [sort_key(row, by) for row in self.rows]
        return keys

    def words(self) -> list[str]:
        """What a search finds each row by."""
        self._words = self._words or [searched(row) for row in self.rows]
        return self._words

    def set_rows(self, rows: Sequence[Row]) -> None:
        self._keys, self._words = {}, []
        super().set_rows(rows)

    def extend(self, rows: Sequence[Row]) -> None:
        self._keys, self._words = {}, []
        super().extend(rows)

    def set_fits(self, fits: Mapping[Path, Fit]) -> None:
        """What has been found out about some of the rows."""
        self._keys.pop(Column.VERDICT, None)
        judged = [
            replace(row, fit=fits[row.path]) if row.can_chat and row.path in fits else row
            for row in self.rows
        ]
        self.change_column(judged, Column.VERDICT)


class RowFilter(QSortFilterProxyModel):
    """Sorts, and shows the rows in which every word of the filter occurs, of one source and with one verdict."""

    def __init__(self, rows: Rows, parent: QObject) -> None:
        super().__init__(parent)
        self._rows = rows
        self._wanted: list[str] = []
        self._source = ""
        self._verdict = ""
        self.setSourceModel(rows)
        self.setDynamicSortFilter(True)

    def set_words(self, text: str) -> None:
        self.beginFilterChange()
        self._wanted = text.casefold().split()
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def set_source(self, source: str) -> None:
        """The title of a program; empty for all."""
        self.beginFilterChange()
        self._source = source
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def set_verdict(self, verdict: str) -> None:
        """One of `app.recommend.fit.Verdict`, or `PROBLEM`; empty for all."""
        self.beginFilterChange()
        self._verdict = verdict
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        row = self._rows.rows[source_row]
        if self._source and row.source != self._source:
            return False
        if self._verdict and verdict_of(row) != self._verdict:
            return False
        text = self._rows.words()[source_row] if self._wanted else ""
        return all(word in text for word in self._wanted)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        data = super().headerData(section, orientation, role)
        if role == Qt.ItemDataRole.DisplayRole and section == self.sortColumn() and data:
            # Beside the words: the style would put its own arrow at the far end of a wide column.
            return f"{data} {'↑' if self.sortOrder() is Qt.SortOrder.AscendingOrder else '↓'}"
        return data

    def lessThan(self, left: Index, right: Index) -> bool:
        keys = self._rows.keys(left.column())
        (left_rank, left_key), (right_rank, right_key) = keys[left.row()], keys[right.row()]
        if left_rank != right_rank:
            return bool((left_rank < right_rank) == (self.sortOrder() is Qt.SortOrder.AscendingOrder))
        return bool(left_key < right_key)
