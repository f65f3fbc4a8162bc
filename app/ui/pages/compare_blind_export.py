"""Exports the session of a blind test: a report or JSON, as the list of earlier comparisons does it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QStandardPaths
from PySide6.QtWidgets import QFileDialog, QWidget

from app.compare.report import write_report
from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.ui import jobs
from app.ui.notice import Action, NoticeArea
from app.ui.pages.chat_export import file_name
from app.ui.reveal import reveal
from app.ui.services import Services


def export_session(services: Services, number: int, owner: QWidget, notices: NoticeArea) -> None:
    """Asks where to, and says in `notices` what became of it."""
    try:
        session = services.comparisons.session(number)
    except EnvironmentFault as fault:
        notices.show_fault(fault)
        return
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    suggested = str(Path(folder) / f"{file_name(session.title)}.html")
    kinds = [_tr("Report (*.html)"), _tr("JSON (*.json)")]
    chosen, kind = QFileDialog.getSaveFileName(
        owner, _tr("Export the blind test"), suggested, ";;".join(kinds)
    )
    if not chosen:
        return
    target = Path(chosen)
    if target.suffix.lower() not in (".html", ".htm", ".json"):
        target = target.with_name(target.name + (".json" if kind == kinds[1] else ".html"))

    def work(control: JobControl) -> None:
        write_report(session, target)

    def tell(done: None) -> None:
        show = Action(_tr("Show file"), lambda: reveal(target), closes=False)
        notices.show_good(_tr("The blind test is exported."), str(target), show)

    jobs.run(owner, "Export a blind test", work, on_done=tell, on_failed=notices.show_fault)


def _tr(text: str) -> str:
    return QCoreApplication.translate("Compare", text)
