"""Which records of a damaged file belong to which table.

From a table's root downwards as SQLite would; where a tree is torn, pages that no tree has claimed are taken for it if
every record in them fits this table and no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from app.storage.recovery.pages import Pages
from app.storage.recovery.records import (
    INDEX_INNER,
    INDEX_LEAF,
    TABLE_INNER,
    TABLE_LEAF,
    Node,
    Record,
    kind_of,
    read_node,
)
from app.storage.recovery.tables import Table

_MOST_DEPTH = 40


@dataclass
class _Found:
    records: list[Record] = field(default_factory=list)
    is_torn: bool = False


def records_of(
    pages: Pages, tables: Sequence[Table], on_page: Callable[[], None] = lambda: None
) -> dict[str, list[Record]]:
    """By table, those of its tree first. What is free (deleted) is left alone, as far as that can be told. `on_page` is
    called for each page that is looked at, of which there are no more than a few beyond the count of pages."""
    sorter = _Sorter(pages, tables, on_page)
    roots = roots_of(pages)
    found = {table.name: sorter.walk(table, roots.get(table.name)) for table in tables}
    torn = [table for table in tables if found[table.name].is_torn]
    if torn:
        for table, records in sorter.strays(torn, others=roots):
            found[table.name].records += records
    sound = _sole_owners(found)
    return {name: [record for record in one.records if id(record) in sound] for name, one in found.items()}


def roots_of(pages: Pages) -> dict[str, int]:
    """Of tables and indexes, by name, as the schema's table on the first page tells them."""
    roots = {}
    for record in _Sorter(pages, (), lambda: None).all_below(1, TABLE_LEAF, TABLE_INNER).records:
        if len(record.values) == 5:
            kind, name, _, root, _ = record.values
            if kind in ("table", "index") and isinstance(name, str) and isinstance(root, int) and root > 0:
                roots[name] = root
    return roots


class _Sorter:
    def __init__(self, pages: Pages, tables: Sequence[Table], on_page: Callable[[], None]) -> None:
        self._on_page = on_page
        self._pages, self._tables = pages, tables
        self._free = pages.free()
        self._claimed: set[int] = set()

    def walk(self, table: Table, root: int | None) -> _Found:
        if root is None:
            return _Found(is_torn=True)
        kinds = (INDEX_LEAF, INDEX_INNER) if table.without_rowid else (TABLE_LEAF, TABLE_INNER)
        found = self.all_below(root, *kinds, table)
        return _Found([record for record in found.records if table.fits(record)], found.is_torn)

    def all_below(self, root: int, leaf: int, inner: int, table: Table | None = None) -> _Found:
        found = _Found()
        waiting = [(root, 0)]
        while waiting:
            number, depth = waiting.pop()
            self._on_page()
            is_taken = number in self._free or number in self._claimed
            node = None if is_taken else read_node(self._pages, number)
            if (
                node is None
                or node.kind not in (leaf, inner)
                or depth > _MOST_DEPTH
                or _is_of_another(node, table)
            ):
                found.is_torn = True
                continue
            self._claimed.add(number)
            found.records += node.records
            found.is_torn |= node.kind == inner and not node.is_whole
            waiting += [(child, depth + 1) for child in node.children]
        return found

    def strays(
        self, torn: Sequence[Table], others: Mapping[str, int]
    ) -> Iterator[tuple[Table, Sequence[Record]]]:
        """What lies in pages that no tree has claimed."""
        known = {table.name for table in self._tables}
        for name, root in others.items():  # indexes and the tables that SQLite keeps for itself
            if name not in known:
                self._claim(root)
        for number in range(2, self._pages.count + 1):
            if number in self._free or number in self._claimed:
                continue
            self._on_page()
            node = read_node(self._pages, number)
            owner = self._owner(node) if node is not None and node.records else None
            if owner is not None and owner in torn:
                assert node is not None
                yield owner, node.records

    def _claim(self, root: int) -> None:
        """What of a tree is sound, without a look at its records."""
        waiting = [root]
        while waiting:
            number = waiting.pop()
            kind = kind_of(self._pages, number)
            if kind is None or number in self._claimed:
                continue
            self._claimed.add(number)
            if kind in (TABLE_INNER, INDEX_INNER):
                node = read_node(self._pages, number)
                if node is not None and node.is_whole:
                    waiting += node.children

    def _owner(self, node: Node) -> Table | None:
        is_index = node.kind in (INDEX_LEAF, INDEX_INNER)
        fitting = [
            table
            for table in self._tables
            if table.without_rowid == is_index and all(table.fits(record) for record in node.records)
        ]
        return fitting[0] if len(fitting) == 1 else None


def _is_of_another(node: Node, table: Table | None) -> bool:
    """Where a damaged pointer leads to: claimed for this table, its rows would be lost for the right one."""
    return table is not None and bool(node.records) and not any(table.fits(record) for record in node.records)


def _sole_owners(found: Mapping[str, _Found]) -> set[int]:
    """Ids of the records whose overflow pages no other record claims: of two, one has another's text."""
    everything = [record for one in found.values() for record in one.records]
    claims = Counter(page for record in everything for page in record.overflow)
    return {id(record) for record in everything if all(claims[page] == 1 for page in record.overflow)}
