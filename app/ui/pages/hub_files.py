"""The files of a repository: the list with the chosen one's details, and the strips around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.ui.pages.hub_details import Details, OriginalStrip, RefusalStrip
from app.ui.pages.hub_states import Message
from app.ui.pages.hub_variant_list import VariantList
from app.ui.pages.hub_variant_rows import VariantRow, VariantRows, hidden_files, rows_of
from app.ui.parts import card, label

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.hub import HubRepository
    from app.ui.pages.hub_opening import Opened


class Files(QWidget):
    """`search_asked` carries words for which there may be GGUF files elsewhere."""

    search_asked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.rows = VariantRows(self)
        self.list = VariantList(self.rows)
        self.details = Details()
        self.refusal = RefusalStrip()
        self.original = OriginalStrip()
        self.none = Message()
        self.notes = label("", "caption", wrap=True)
        inside = QVBoxLayout()
        inside.setContentsMargins(1, 4, 1, 4)
        inside.addWidget(self.list)
        self._filled = card(inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.refusal)
        column.addWidget(self.original)
        column.addWidget(self._filled, 1)
        column.addWidget(self.none, 1)
        column.addWidget(self.details)
        column.addWidget(self.notes)

    @property
    def focused(self) -> QWidget:
        """What has the keyboard's focus here."""
        return self.list if self._filled.isVisibleTo(self) else self.none

    def show_repository(self, opened: Opened) -> None:
        repository = opened.repository
        self.details.set_repository(repository)
        self.refusal.show_refusal(opened.refusal)
        self.original.show_original(opened.original, opened.prospect)
        self.rows.set_rows([])
        self.rows.set_rows(rows_of(repository, is_refused=opened.refusal is not None))
        has_files = self.rows.rowCount() > 0
        self._filled.setVisible(has_files)
        self.details.setVisible(has_files)
        self.none.setVisible(not has_files)
        if not has_files:
            self._explain_emptiness(repository)
        notes, hidden = list(repository.left_out), hidden_files(repository)
        if hidden:
            notes.append(_tr("{n:,} more files are too many to be listed.").format(n=hidden))
        self.notes.setText("\n".join(notes))
        self.notes.setVisible(bool(notes))

    def offer(self, rows: list[VariantRow]) -> None:
        """The same rows, with what their buttons do now."""
        self.rows.set_rows(rows)
        current = self.list.current_row()
        if current is not None and current.variant is not None:
            self.details.offer(current)

    def _explain_emptiness(self, repository: HubRepository) -> None:
        words = repository.id.partition("/")[2]
        search = (_tr("Look for GGUF files of it"), "magnifying-glass", lambda: self.search_asked.emit(words))
        self.none.say(
            "file",
            _tr("No GGUF files here"),
            _tr("Others often publish them under the same name."),
            [search],
        )


def _tr(text: str) -> str:
    return QCoreApplication.translate("HubPage", text)
