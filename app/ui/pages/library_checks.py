"""Checking models: their files are hashed again, and what came of it is told in words."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, Signal

from app.core.errors import EnvironmentFault
from app.core.jobs import JobControl
from app.ui.notice import Kind
from app.ui.pages.library_making import MakingCard
from app.ui.pages.library_queue import CardQueue, Order
from app.ui.pages.library_rows import Row

if TYPE_CHECKING:  # the library is imported by the job
    from app.library import FileCheck


@dataclass(frozen=True)
class Outcome:
    """Of one check, at `at` in seconds since 1970: how serious it is, in a sentence and what to do. `digests`: a line
    for each file and each digest of it. `stamp`: tells whether the file is still the one that was checked."""

    kind: Kind
    sentence: str
    hint: str
    digests: str
    at: float
    stamp: bytes


class Checking(CardQueue):
    """Checks one model after the other; the outcomes of this session stay."""

    checked = Signal(object, object)  # Row, Outcome
    failed = Signal(object, object)  # Row, EnvironmentFault
    ended = Signal(object)  # Path, whatever came of it

    def __init__(self, database: Path) -> None:
        super().__init__()
        self._database = database
        self._outcomes: dict[Path, Outcome] = {}
        self._checked: dict[MakingCard, Path] = {}

    def outcome(self, path: Path) -> Outcome | None:
        return self._outcomes.get(path)

    def has_failed(self, path: Path) -> bool:
        outcome = self._outcomes.get(path)
        return outcome is not None and outcome.kind is Kind.DANGER

    def outdated(self) -> list[Path]:
        """The files that are not any more what was checked; for a job."""
        return [path for path, outcome in list(self._outcomes.items()) if _stamp(path) != outcome.stamp]

    def drop_outcomes(self, paths: Iterable[Path]) -> None:
        for path in paths:
            self._outcomes.pop(path, None)

    def is_busy(self, path: Path) -> bool:
        return path in self._checked.values()

    def start(self, row: Row) -> None:
        entry, database = row.entry, self._database
        if entry is None or self.is_busy(row.path):
            return
        title = self.tr("Checking {model}").format(model=row.label)
        card = MakingCard(
            title, lambda: self.cancel(card), glyph="shield-check", tip=self.tr("Stop; nothing is changed")
        )

        def work(control: JobControl) -> Outcome:
            from app.library import verify

            stamp = _stamp(row.path)
            return outcome_of(verify(entry, database, control), row, stamp)

        def done(outcome: Outcome) -> None:
            self._outcomes[row.path] = outcome
            self.checked.emit(row, outcome)

        def failed(fault: EnvironmentFault) -> None:
            self.failed.emit(row, fault)

        self._checked[card] = row.path
        self.add(Order(card, f"Check {row.path.name}", work, done, failed))

    def drop(self, card: MakingCard) -> None:
        super().drop(card)
        self.ended.emit(self._checked.pop(card))


def outcome_of(checks: Sequence[FileCheck], row: Row, stamp: bytes) -> Outcome:
    digests = "\n".join(_digests(check) for check in checks)
    wrong = [check for check in checks if check.is_right is False]
    unknown = [check for check in checks if check.is_right is None]
    if wrong:
        return Outcome(Kind.DANGER, *_damage(wrong, row), digests, time.time(), stamp)
    if unknown:
        told = _tr("{model} was read from end to end.").format(model=row.label)
        hint = _tr("Nobody has told Nibble what it should be; the next check compares with this one.")
        return Outcome(Kind.INFO, told, hint, digests, time.time(), stamp)
    sources = {check.known_from or "" for check in checks}
    same = _same_as(sources.pop()) if len(sources) == 1 else _tr("the same as where its parts are from")
    told = _tr("{model} is in order: {same}.").format(model=row.label, same=same)
    return Outcome(Kind.GOOD, told, "", digests, time.time(), stamp)


def _stamp(path: Path) -> bytes:
    """Of all parts; empty where one is missing."""
    from app.library.stamp import part_files, stamp_of

    try:
        return stamp_of(map(os.stat, part_files(str(path))))
    except OSError:
        return b""


def _damage(wrong: Sequence[FileCheck], row: Row) -> tuple[str, str]:
    first = wrong[0]
    file = first.path.name
    if first.known_from == "earlier check":
        told = _tr("{model} is not what it was at the check before.").format(model=row.label)
        hint = _tr("{file} was replaced or damaged since. If you did not replace it, get it again.")
    else:
        told = _tr("{model} is damaged: {file} is not the file that {source} has.")
        told = told.format(model=row.label, file=file, source=_owner(first.known_from or ""))
        hint = _tr("Get it again. Expected SHA-256 {expected}, found {found}.")
    return told, hint.format(file=file, expected=first.expected, found=first.sha256)


def _digests(check: FileCheck) -> str:
    lines = [check.path.name]
    if check.is_right is False:
        lines.append(_tr("expected {digest}").format(digest=check.expected))
        lines.append(_tr("found {digest}").format(digest=check.sha256))
    else:
        lines.append(f"SHA-256 {check.sha256}")
    return "\n".join(lines)


def _same_as(known_from: str) -> str:
    return {
        "download": _tr("the same as on the Hub, where it was downloaded"),
        "Hugging Face cache": _tr("the same as on the Hub"),
        "Ollama": _tr("the same as Ollama downloaded it"),
        "earlier check": _tr("the same as at the check before"),
    }.get(known_from, known_from)


def _owner(known_from: str) -> str:
    return {"download": _tr("the Hub"), "Hugging Face cache": _tr("the Hub")}.get(known_from, known_from)


def _tr(text: str) -> str:
    return QCoreApplication.translate("LibraryPage", text)
