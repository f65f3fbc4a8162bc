"""The models that are chosen for comparing, and the tray that shows them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.ui.notice import Kind, NoticeArea
from app.ui.pages.library_parts import CompareTray
from app.ui.pages.library_rows import Row

MOST_COMPARED = 5
"""As `app.compare.MAXIMUM_PANES`, which would load the comparison engine at start (a test holds them equal)."""


class Compared(QObject):
    """`changed` carries their paths, `compare_asked` a list of two to five of them."""

    changed = Signal(object)
    compare_asked = Signal(object)

    def __init__(self, notices: NoticeArea, parent: QObject) -> None:
        super().__init__(parent)
        self._notices = notices
        self._rows: list[Row] = []
        self.tray = CompareTray(MOST_COMPARED)
        self.tray.compare_asked.connect(self.compare)
        self.tray.removed.connect(self.toggle)
        self.tray.cleared.connect(lambda: self.choose([]))

    def has(self, path: Path) -> bool:
        return any(row.path == path for row in self._rows)

    def toggle(self, row: Row) -> None:
        if self.has(row.path):
            self.choose([each for each in self._rows if each.path != row.path])
        elif not row.can_chat:
            return
        elif len(self._rows) == MOST_COMPARED:
            self._notices.show_message(
                Kind.INFO,
                _tr("Five models can be compared at once."),
                _tr("Take one out to make room for {model}.").format(model=row.label),
            )
        else:
            self.choose([*self._rows, row])

    def choose(self, rows: list[Row]) -> None:
        self._rows = rows
        self.tray.show_rows(rows)
        self.changed.emit(frozenset(row.path for row in rows))

    def keep_only(self, present: Collection[Path]) -> None:
        """The others are not there any more."""
        self.choose([row for row in self._rows if row.path in present])

    def compare(self) -> None:
        if len(self._rows) >= 2:
            self.compare_asked.emit([row.path for row in self._rows])


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
