"""What the Library does with the files of a model when a person asks for it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.ui import jobs
from app.ui.notice import Action, Kind, NoticeArea
from app.ui.pages.library_checks import Checking, Outcome
from app.ui.pages.library_deletion import Deletion
from app.ui.pages.library_rows import Row
from app.ui.reveal import reveal
from app.ui.services import Services


class Acts(QObject):
    """`changed`: look at the library again; `name_refused` carries why; `checked` the path of a model whose check has
    begun or ended; `found` the file that a person showed in the place of one that was missing."""

    changed = Signal()
    name_refused = Signal(object)
    checked = Signal(object)
    found = Signal(object)

    def __init__(self, services: Services, notices: NoticeArea, page: QWidget) -> None:
        super().__init__(page)
        self._services = services
        self._notices = notices
        self._page = page
        self._deletion = Deletion(services, notices, page)
        self._deletion.changed.connect(self.changed)
        self.checking = Checking(services.folder.database)
        self.checking.checked.connect(self._tell_outcome)
        self.checking.failed.connect(self._tell_not_checked)
        self.checking.ended.connect(self.checked)

    def rename(self, row: Row, label: str) -> None:
        """Gives it a name of the person's own; an empty one gives it its own name back. The file keeps its name."""
        entry, database = row.entry, self._services.folder.database
        if entry is None:
            return

        def work(control: JobControl) -> None:
            from app.library import rename

            rename(entry, label, database)

        jobs.run(
            self,
            f"Rename {row.path.name}",
            work,
            on_done=lambda nothing: self.changed.emit(),
            on_failed=self.name_refused.emit,
        )

    def verify(self, row: Row) -> None:
        self.checking.start(row)
        self.checked.emit(row.path)

    def delete(self, row: Row) -> None:
        self._deletion.ask(row)

    def forget(self, row: Row) -> None:
        """Takes it off the list: a model, or a folder that a person had added."""
        if row.state == "away":
            self._services.preferences.remove_model_folder(row.path)
        else:
            self._deletion.forget(row)

    def reveal(self, row: Row) -> None:
        if not reveal(row.path):
            self._notices.show_message(
                Kind.WARNING, _tr("No file manager could be opened on this computer."), str(row.path.parent)
            )

    def find(self, row: Row) -> None:
        """Asks where a file is that is gone from its place."""
        chosen, _ = QFileDialog.getOpenFileName(
            self._page, _tr("Where is {model} now?").format(model=row.title), "", _tr("Models (*.gguf)")
        )
        if chosen:
            self.found.emit(Path(chosen))

    def _tell_outcome(self, row: Row, outcome: Outcome) -> None:
        if outcome.kind is Kind.GOOD:
            self._notices.show_good(outcome.sentence, outcome.hint)
        else:
            self._notices.show_message(outcome.kind, outcome.sentence, outcome.hint)
        self.changed.emit()  # the state of a file may be another one now

    def _tell_not_checked(self, row: Row, fault: EnvironmentFault) -> None:
        self._notices.show_message(
            Kind.DANGER,
            _tr("{model} could not be checked. {reason}").format(model=row.label, reason=fault.message),
            fault.hint,
            Action(_tr("Try again"), lambda: self.verify(row)),
        )
        self.changed.emit()


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
