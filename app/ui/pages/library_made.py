"""What the Library says of something that was made, or was not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.core.errors import EnvironmentFault
from app.ui.notice import Action, Kind, NoticeArea
from app.ui.pages.library_making import Checkpoint
from app.ui.pages.library_rows import Row


def tell_made(
    notices: NoticeArea,
    source: Row | Checkpoint,
    quantization: str,
    path: Path,
    *,
    chat: Callable[[], object],
    result: Callable[[], object],
) -> None:
    notices.show_good(
        _tr("{type} of {model} is ready.").format(type=quantization, model=source.title),
        _where(source, path),
        Action(_tr("What it cost"), result),
        Action(_tr("Chat"), chat),
    )


def tell_not_made(
    notices: NoticeArea,
    source: Row | Checkpoint,
    quantization: str,
    fault: EnvironmentFault,
    again: Callable[[], object],
) -> None:
    notices.show_message(
        Kind.DANGER,
        _tr("{type} of {model} was not made. {reason}").format(
            type=quantization, model=source.title, reason=fault.message
        ),
        fault.hint,
        Action(_tr("Try again"), again),
    )


def _where(source: Row | Checkpoint, path: Path) -> str:
    if isinstance(source, Checkpoint):
        words = _tr("{file} is beside its checkpoint, which stays for other types, in {folder}.")
        return words.format(file=path.name, folder=source.path)
    return "" if source.built_in else _tr("{file} is in your models folder.").format(file=path.name)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
