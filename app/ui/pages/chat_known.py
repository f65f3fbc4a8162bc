"""The models a conversation can be with: those of the library, and the one it is with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.chat import Message
from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl
from app.memory import default_context_length
from app.ui import jobs
from app.ui.services import Services

if TYPE_CHECKING:
    from app.library import LibraryEntry


class KnownModels(QObject):
    """Looks when asked; `changed` when a look has ended, `failed` (EnvironmentFault) when it could not."""

    changed = Signal()
    failed = Signal(object)

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._entries: dict[Path, LibraryEntry] = {}
        self._job: Job[list[LibraryEntry]] | None = None
        self._extra: Path | None = None
        self._look_again = False
        self._looked_for: set[Path] = set()
        self.has_looked = False

    @property
    def entries(self) -> Sequence[LibraryEntry]:
        """Those one can chat with."""
        return [entry for entry in self._entries.values() if entry.can_chat]

    def entry(self, path: Path | None) -> LibraryEntry | None:
        """What is known about a file; None where that is nothing."""
        found = self._entries.get(path) if path is not None else None
        return found if found is not None and found.facts is not None else None

    def lacks(self, path: Path) -> bool:
        """Whether the file was looked for and was not there, or cannot be read."""
        return path in self._looked_for and self.entry(path) is None

    def title(self, path: Path) -> str:
        """`Bard BF16`, or the file's name."""
        entry = self.entry(path)
        return entry.title if entry else path.stem

    def context_of(self, message: Message) -> int | None:
        """The context length behind an answer, where a model by its name is known."""
        for entry in self._entries.values():
            facts = entry.facts
            if facts and (facts.name or facts.path.stem, facts.quantization) == (
                message.model_name,
                message.quantization,
            ):
                return default_context_length(facts)
        return None

    def look(self, extra: Path | None) -> None:
        """Reads the library again; `extra`: a file that counts although it may lie elsewhere."""
        self._extra = extra
        if self._job is not None:
            self._look_again = True
            return
        sources = self._services.library_folders

        def work(control: JobControl) -> list[LibraryEntry]:
            from app.library import scan

            # In front: a file that is reached in several ways is listed by the first of them.
            first = [extra] if extra is not None and extra.is_file() else []
            return scan([*first, *sources], control.cancel)

        self._job = jobs.run(
            self,
            "Look for models to chat with",
            work,
            on_done=self._take,
            on_failed=self._fail,
            on_end=lambda: self._ended(extra),
        )

    def _take(self, entries: Sequence[LibraryEntry]) -> None:
        self._entries = {entry.path: entry for entry in entries}

    def _fail(self, fault: EnvironmentFault) -> None:
        self.failed.emit(fault)

    def _ended(self, extra: Path | None) -> None:
        self._job = None
        self.has_looked = True
        if extra is not None:
            self._looked_for.add(extra)
        if self._look_again:
            self._look_again = False
            self.look(self._extra)
        self.changed.emit()
