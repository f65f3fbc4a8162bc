"""What the Library says of something that was made, or was not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.core.errors import EnvironmentFault, NonFiniteWeights
from app.ui.make_order import MakeOrder
from app.ui.making import Checkpoint
from app.ui.notice import Action, Kind, NoticeArea
from app.ui.pages.library_rows import Row

_UNQUANTIZED = frozenset({"F32", "F16", "BF16"})
"""Numbers that are none can be written as they are only in these."""


def tell_made(
    notices: NoticeArea,
    source: Row | Checkpoint,
    order: MakeOrder,
    paths: list[Path],
    *,
    chat: Callable[[], object],
    result: Callable[[], object],
) -> None:
    notices.show_good(
        _ready(order).format(types=order.words, model=source.title),
        _where(source, order, paths),
        Action(_tr("What it cost"), result),
        Action(_tr("Chat"), chat),
    )


def tell_not_made(
    notices: NoticeArea,
    source: Row | Checkpoint,
    order: MakeOrder,
    fault: EnvironmentFault,
    make: Callable[[MakeOrder], object],
) -> None:
    if isinstance(fault, NonFiniteWeights) and _UNQUANTIZED.issuperset(order.types):
        act = Action(_tr("Make it all the same"), lambda: make(replace(order, allow_non_finite=True)))
    else:
        act = Action(_tr("Try again"), lambda: make(order))
    notices.show_message(
        Kind.DANGER,
        _tr("{types} of {model} was not made. {reason}").format(
            types=order.words, model=source.title, reason=fault.message
        ),
        fault.hint,
        act,
    )


def _ready(order: MakeOrder) -> str:
    return (
        _tr("{types} of {model} is ready.") if len(order.types) == 1 else _tr("{types} of {model} are ready.")
    )


def _where(source: Row | Checkpoint, order: MakeOrder, paths: list[Path]) -> str:
    files = ", ".join(path.name for path in paths)
    if order.folder is not None:
        return _tr("{files}, in {folder}.").format(files=files, folder=order.folder)
    if isinstance(source, Checkpoint):
        words = (
            _tr("{file} is beside its checkpoint, which stays for other types, in {folder}.")
            if len(paths) == 1
            else _tr("{file} are beside their checkpoint, which stays for other types, in {folder}.")
        )
        return words.format(file=files, folder=source.path)
    if source.built_in:
        return ""
    words = (
        _tr("{file} is in your models folder.")
        if len(paths) == 1
        else _tr("{file} are in your models folder.")
    )
    return words.format(file=files)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
