"""The tables of a sound database: what a record must be to be a row of one, and its way into it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from app.storage.recovery.records import Record, Value

_TYPES: dict[str, tuple[type, ...]] = {
    "INTEGER": (int,),
    "INT": (int,),
    "REAL": (float, int),  # a whole number is stored as an integer
    "TEXT": (str,),
    "BLOB": (bytes,),
}


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    not_null: bool
    has_default: bool
    key: int
    """Its place in the primary key, from 1; 0 for none."""

    def takes(self, value: Value) -> bool:
        if value is None:
            return not self.not_null
        return isinstance(value, _TYPES.get(self.type, (object,)))


@dataclass(frozen=True)
class Table:
    """Its columns as they were declared."""

    name: str
    columns: tuple[Column, ...]
    without_rowid: bool

    @cached_property
    def stored(self) -> tuple[Column, ...]:
        """In the order of a record: without row ids the primary key comes first."""
        if not self.without_rowid:
            return self.columns
        keys = sorted((column for column in self.columns if column.key), key=lambda column: column.key)
        return (*keys, *(column for column in self.columns if not column.key))

    @cached_property
    def rowid_column(self) -> int | None:
        """The place of the column that is the row id itself and stored as NULL."""
        keys = [index for index, column in enumerate(self.columns) if column.key]
        is_it = not self.without_rowid and len(keys) == 1 and self.columns[keys[0]].type == "INTEGER"
        return keys[0] if is_it else None

    def fits(self, record: Record) -> bool:
        """Columns that were added later may be missing at the end."""
        values, stored = record.values, self.stored
        if not values or len(values) > len(stored):
            return False
        if any(column.not_null and not column.has_default for column in stored[len(values) :]):
            return False
        if (record.rowid is None) != self.without_rowid:
            return False
        for index, (column, value) in enumerate(zip(stored, values, strict=False)):
            if index == self.rowid_column:
                if value is not None:
                    return False
            elif not column.takes(value):
                return False
        return True

    def insert(self, connection: sqlite3.Connection, records: Iterable[Record]) -> None:
        """The first of several with one key counts. What breaks a rule of the table is left out."""
        for record in records:
            names = [f'"{column.name}"' for column in self.stored[: len(record.values)]]
            values = list(record.values)
            if self.rowid_column is not None:
                values[self.rowid_column] = record.rowid
            marks = ", ".join("?" * len(values))
            # Names come from our own migrations.
            statement = f'INSERT OR IGNORE INTO "{self.name}" ({", ".join(names)}) VALUES ({marks})'
            try:
                connection.execute(statement, values)
            except sqlite3.IntegrityError:
                continue


def tables_of(connection: sqlite3.Connection) -> list[Table]:
    """Those that hold rows of their own: not SQLite's, not those inside an index for searching."""
    listed = connection.execute("PRAGMA table_list").fetchall()
    return [
        Table(row[1], _columns(connection, row[1]), bool(row[4]))
        for row in listed
        if row[0] == "main" and row[2] == "table" and not row[1].startswith("sqlite_")
    ]


def _columns(connection: sqlite3.Connection, table: str) -> tuple[Column, ...]:
    rows = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
    return tuple(
        Column(row[1], row[2].upper(), bool(row[3]) or bool(row[5]), row[4] is not None, row[5])
        for row in rows
    )
