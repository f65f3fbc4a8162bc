"""Writes conversations into a file that the person names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QStandardPaths
from PySide6.QtWidgets import QFileDialog, QWidget

from app.chat.export import ExportFormat, export_to_file
from app.core.jobs import JobControl
from app.ui import jobs
from app.ui.notice import Action, NoticeArea
from app.ui.reveal import reveal

_NAME_CHARACTERS = 60
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u202a-\u202e\u2066-\u2069]+')


def _tr(text: str) -> str:
    return QCoreApplication.translate("ChatExport", text)


def export_conversations(
    parent: QWidget,
    database: Path,
    conversation_ids: Sequence[int] | None,
    notices: NoticeArea,
    title: str = "",
) -> None:
    """Asks for a file and writes there in a job, for as long as `parent` lives; None: all of them. `title`: what the
    file is called unless the person says otherwise."""
    filters = {
        _tr("Web page (*.html)"): ExportFormat.HTML,
        _tr("Markdown (*.md)"): ExportFormat.MARKDOWN,
        _tr("JSON, with all branches (*.json)"): ExportFormat.JSON,
    }
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    suggested = str(Path(folder) / f"{file_name(title or _tr('Conversations'))}.html")
    chosen, kind = QFileDialog.getSaveFileName(
        parent, _tr("Export conversations"), suggested, ";;".join(filters)
    )
    if not chosen:
        return
    target, format = _target(Path(chosen), filters.get(kind, ExportFormat.HTML))

    def work(control: JobControl) -> int:
        return export_to_file(database, conversation_ids, target, format, control)

    def tell(written: int) -> None:
        sentence = (
            _tr("The conversation is exported.") if written == 1 else _tr("The conversations are exported.")
        )
        show = Action(_tr("Show file"), lambda: reveal(target), closes=False)
        notices.show_good(sentence, str(target), show)

    jobs.run(parent, "Export conversations", work, on_done=tell, on_failed=notices.show_fault)


def file_name(title: str) -> str:
    """One that every system takes."""
    name = " ".join(_NOT_IN_NAMES.sub(" ", title).split())[:_NAME_CHARACTERS].strip(" .")
    return name or _tr("Conversations")


def _target(chosen: Path, wanted: ExportFormat) -> tuple[Path, ExportFormat]:
    """The ending that was typed decides; without one of ours, the kind that was picked gives it, and a number where
    there is a file of that name: whether it may be replaced nobody was asked."""
    for format in ExportFormat:
        if chosen.suffix.lower() == f".{format.value}":
            return chosen, format
    names = (f"{chosen.name}{number}.{wanted.value}" for number in chain([""], (f" {n}" for n in count(2))))
    return next(path for path in map(chosen.with_name, names) if not path.exists()), wanted
