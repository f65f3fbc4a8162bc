"""Deleting models: asks with what is lost, moves to the bin, and asks once more where there is none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.core.units import format_bytes
from app.ui import jobs
from app.ui.notice import NoticeArea
from app.ui.pages.library_rows import Row
from app.ui.services import Services

if TYPE_CHECKING:  # the library is imported by the job
    from app.library import Removal

_MOST_FILES_NAMED = 6


class Deletion(QObject):
    """`changed`: files are gone, or have turned out to be."""

    changed = Signal()

    def __init__(self, services: Services, notices: NoticeArea, page: QWidget) -> None:
        super().__init__(page)
        self._services = services
        self._notices = notices
        self._page = page

    def ask(self, row: Row) -> None:
        entry, services = row.entry, self._services
        if entry is None:
            return

        def work(control: JobControl) -> Removal:
            from app.library import library_places, plan_removal

            return plan_removal(entry, library_places(services.folder, services.preferences.model_folders))

        jobs.run(
            self,
            f"Plan to delete {row.path.name}",
            work,
            on_done=lambda removal: self._confirm(row, removal),
            on_failed=self._notices.show_fault,
        )

    def forget(self, row: Row) -> None:
        """Takes what is gone off the list; nothing on the disk changes."""
        if row.entry is not None:
            from app.library import Removal

            self._carry_out(row, Removal(row.entry, (), 0), for_good=False)

    def _confirm(self, row: Row, removal: Removal) -> None:
        if not removal.files:  # it went meanwhile
            self._carry_out(row, removal, for_good=False)
            return
        question = _tr("Move {model} to the bin?").format(model=row.label)
        if ask_to_delete(self._page, question, _what_is_lost(row, removal), _tr("Move to the bin")):
            self._carry_out(row, removal, for_good=False)

    def _carry_out(self, row: Row, removal: Removal, *, for_good: bool) -> None:
        database = self._services.folder.database

        def work(control: JobControl) -> None:
            from app.library import remove

            remove(removal, database, for_good=for_good)

        jobs.run(
            self,
            f"Delete {row.path.name}",
            work,
            on_done=lambda nothing: self._tell(row, removal, for_good),
            on_failed=lambda fault: self._fail(row, removal, fault),
        )

    def _tell(self, row: Row, removal: Removal, for_good: bool) -> None:
        size = format_bytes(removal.file_bytes)
        if removal.files and for_good:
            told = _tr("{model} is deleted: {size} are free.").format(model=row.label, size=size)
            self._notices.show_good(told)
        elif removal.files:
            told = _tr("{model} is in the bin.").format(model=row.label)
            self._notices.show_good(told, _tr("Empty the bin to free its {size}.").format(size=size))
        self.changed.emit()

    def _fail(self, row: Row, removal: Removal, fault: EnvironmentFault) -> None:
        from app.library import NoBin

        if not isinstance(fault, NoBin):
            self._notices.show_fault(fault)
            self.changed.emit()  # some of its files may be gone
            return
        lost = _tr("This cannot be undone.\n\n{lost}").format(lost=_what_is_lost(row, removal))
        question = f"{fault.message} {_tr('Delete it for good?')}"
        if ask_to_delete(self._page, question, lost, _tr("Delete for good")):
            self._carry_out(row, removal, for_good=True)
        else:
            self.changed.emit()


def ask_to_delete(page: QWidget, question: str, lost: str, yes: str) -> bool:
    """Waits for the person."""
    box = QMessageBox(page.window())
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("Nibble")
    box.setText(question)
    box.setInformativeText(lost)
    keep = box.addButton(_tr("Keep it"), QMessageBox.ButtonRole.RejectRole)
    delete = box.addButton(yes, QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(keep)
    box.exec()
    chosen = box.clickedButton() is delete
    box.deleteLater()
    return chosen


def _what_is_lost(row: Row, removal: Removal) -> str:
    size = format_bytes(removal.file_bytes)
    lines = [*_named([str(file) for file in removal.files]), size]
    if any(os.path.islink(file) for file in removal.files):
        lines.append(_tr("Only the link goes; the file it leads to stays where it is."))
    if row.built_in:
        lines.append(
            _tr("It is a file of the built-in model, and is made again at its next use, in seconds.")
        )
    else:
        lines.append(_tr("Conversations with it stay; to go on with them you need the model again."))
    return "\n".join(lines)


def _named(files: Sequence[str]) -> list[str]:
    if len(files) <= _MOST_FILES_NAMED:
        return list(files)
    more = _tr("and {n} more parts of it").format(n=len(files) - 1)
    return [files[0], more]


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
