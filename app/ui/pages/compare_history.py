"""The list of comparisons that are kept: to open, rename, export and delete them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QDateTime, QLocale, QSize, QStandardPaths, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from app.compare.report import write_report
from app.compare.session import SessionHead
from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.ui import jobs
from app.ui.notice import Action, Kind, NoticeArea
from app.ui.pages.chat_export import file_name
from app.ui.parts import button, label, let_clear
from app.ui.reveal import reveal
from app.ui.services import Services

SIZE_PX = (640, 520)


class History(QDialog):
    """`chosen` carries the number of a session to show; `deleted` that of one that is gone for good. Not modal."""

    chosen = Signal(int)
    deleted = Signal(int)

    def __init__(self, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self._services = services
        self._heads: list[SessionHead] = []
        self._doomed: int | None = None
        self.setWindowTitle(self.tr("Earlier comparisons"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(False)
        self.field = QLineEdit()
        self.field.setPlaceholderText(self.tr("Search prompts and models"))
        self.field.setAccessibleName(self.tr("Search earlier comparisons"))
        self.field.textChanged.connect(self._fill)
        let_clear(self.field)
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Earlier comparisons"))
        self.list.setWordWrap(True)
        self.list.setSpacing(4)
        self.list.itemActivated.connect(lambda item: self._open())
        self.list.currentRowChanged.connect(lambda row: self._settle())
        self.nothing = label("", "muted", wrap=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.notices = NoticeArea()
        self.show_button = button(self.tr("Show"), self._open, role="primary")
        self.rename_button = button(self.tr("Rename…"), self._rename, shortcut="F2")
        self.export_button = button(
            self.tr("Export…"), self._export, glyph="export", tip=self.tr("As a report (HTML) or as JSON")
        )
        self.delete_button = button(self.tr("Delete"), self._delete, tip=self.tr("Can be undone"))
        QShortcut(QKeySequence(Qt.Key.Key_Delete), self.list, self._delete)
        self._lay_out()
        room = parent.window().size()
        self.resize(QSize(*SIZE_PX).boundedTo(room))

    def look(self) -> None:
        """Reads the list anew."""
        try:
            self._heads = self._services.comparisons.sessions()
        except EnvironmentFault as fault:
            self._heads = []
            self.notices.show_fault(fault)
        self._fill()

    @property
    def selected(self) -> SessionHead | None:
        item = self.list.currentItem()
        number = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        return next((head for head in self._heads if head.id == number), None)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._carry_out()
        super().closeEvent(event)

    def reject(self) -> None:
        self._carry_out()
        super().reject()

    def _lay_out(self) -> None:
        self._stack = QStackedLayout()
        self._stack.addWidget(self.list)
        self._stack.addWidget(self.nothing)
        row = QHBoxLayout()
        row.setSpacing(8)
        for each in (self.rename_button, self.export_button, self.delete_button):
            row.addWidget(each)
        row.addStretch()
        row.addWidget(self.show_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(self.field)
        column.addWidget(self.notices)
        column.addLayout(self._stack, 1)
        column.addLayout(row)

    def _fill(self) -> None:
        kept = self.selected
        words = self.field.text().casefold().split()
        shown = [head for head in self._heads if head.id != self._doomed and _matches(head, words)]
        self.list.clear()
        for head in shown:
            item = QListWidgetItem(f"{head.title}\n{_when(head.changed_at)}   {self._names(head.models)}")
            item.setData(Qt.ItemDataRole.UserRole, head.id)
            self.list.addItem(item)
            if kept is not None and head.id == kept.id:
                self.list.setCurrentItem(item)
        if self.list.currentRow() < 0 and shown:
            self.list.setCurrentRow(0)
        self.nothing.setText(
            self.tr("Nothing was found. Try fewer letters.")
            if self._heads and words
            else self.tr("What you compare is kept here, from the first prompt on.")
        )
        self._stack.setCurrentIndex(0 if shown else 1)
        self._settle()

    def _names(self, models: Sequence[str]) -> str:
        return self.tr(" beside ").join(models)

    def _settle(self) -> None:
        possible = self.selected is not None
        for each in (self.show_button, self.rename_button, self.export_button, self.delete_button):
            each.setEnabled(possible)

    # What is done with one

    def _open(self) -> None:
        head = self.selected
        if head is not None:
            self.chosen.emit(head.id)
            self.close()

    def _rename(self) -> None:
        head = self.selected
        if head is None:
            return
        title, given = QInputDialog.getText(
            self, self.tr("Rename"), self.tr("What this comparison is called:"), text=head.title
        )
        if given:
            self._do(lambda: self._services.comparisons.rename(head.id, title))
            self.look()

    def _delete(self) -> None:
        head = self.selected
        if head is None:
            return
        self._carry_out()
        self._doomed = head.id
        self._fill()
        self.notices.clear()
        self.notices.show_message(
            Kind.INFO,
            self.tr("“{title}” is deleted.").format(title=head.title),
            "",
            Action(self.tr("Undo"), self._undo),
        )

    def _undo(self) -> None:
        self._doomed = None
        self._fill()

    def _carry_out(self) -> None:
        """It stays until nobody can take the deletion back any more."""
        doomed, self._doomed = self._doomed, None
        if doomed is not None:
            self._do(lambda: self._services.comparisons.delete(doomed))
            self._heads = [head for head in self._heads if head.id != doomed]
            self.deleted.emit(doomed)

    def _export(self) -> None:
        head = self.selected
        if head is None:
            return
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        suggested = str(Path(folder) / f"{file_name(head.title)}.html")
        kinds = [self.tr("Report (*.html)"), self.tr("JSON (*.json)")]
        chosen, kind = QFileDialog.getSaveFileName(
            self, self.tr("Export the comparison"), suggested, ";;".join(kinds)
        )
        if chosen:
            self.export_to(head, _with_ending(Path(chosen), ".json" if kind == kinds[1] else ".html"))

    def export_to(self, head: SessionHead, target: Path) -> None:
        try:
            session = self._services.comparisons.session(head.id)
        except EnvironmentFault as fault:
            self.notices.show_fault(fault)
            return

        def work(control: JobControl) -> None:
            write_report(session, target)

        def tell(done: None) -> None:
            show = Action(self.tr("Show file"), lambda: reveal(target), closes=False)
            self.notices.show_good(self.tr("The comparison is exported."), str(target), show)

        jobs.run(self, "Export a comparison", work, on_done=tell, on_failed=self.notices.show_fault)

    def _do(self, act: Callable[[], object]) -> None:
        try:
            act()
        except EnvironmentFault as fault:
            self.notices.show_fault(fault)


def _matches(head: SessionHead, words: Sequence[str]) -> bool:
    text = "\n".join((head.title, head.prompts, *head.models)).casefold()
    return all(word in text for word in words)


def _when(seconds: float) -> str:
    then = QDateTime.fromSecsSinceEpoch(int(seconds))
    return QLocale().toString(then, QLocale.FormatType.ShortFormat)


def _with_ending(path: Path, ending: str) -> Path:
    return path if path.suffix.lower() in (".html", ".htm", ".json") else path.with_name(path.name + ending)
