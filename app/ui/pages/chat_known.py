"""The models a conversation can be with: those of the library, and the one it is with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.chat import Message
from app.core.errors import EnvironmentFault
from app.core.jobs import Job, JobControl
from app.core.units import format_bytes
from app.guide import GUIDE_QUANTIZATIONS, guide_file
from app.memory import default_context_length
from app.ui import guide, jobs
from app.ui.guide_making import Standing, standing
from app.ui.services import Services

if TYPE_CHECKING:
    from app.gguf import ModelSummary
    from app.library import LibraryEntry


CHAT_GUIDE = GUIDE_QUANTIZATIONS[0]
"""The quantization of the built-in model that one chats with unless another was chosen."""


@dataclass(frozen=True)
class Choice:
    """A model one can choose: a line of the list. Without a `path` it is the built-in one, to be made first."""

    name: str
    details: str
    words: str
    path: Path | None = None
    built_in: bool = False


class KnownModels(QObject):
    """Looks when asked; `changed` when a look has ended, `failed` (EnvironmentFault) when it could not."""

    changed = Signal()
    failed = Signal(object)

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._entries: dict[Path, LibraryEntry] = {}
        self._job: Job[tuple[list[LibraryEntry], Standing, dict[Path, int]]] | None = None
        self._guide = Standing(can_be_made=False)
        self._contexts: dict[Path, int] = {}
        self._extra: Path | None = None
        self._look_again = False
        self._looked_for: set[Path] = set()
        self.has_looked = False

    @property
    def entries(self) -> Sequence[LibraryEntry]:
        """Those one can choose to chat with; not the guide of an earlier Nibble, which is to be made again."""
        outdated = self._guide.outdated
        return [entry for entry in self._entries.values() if entry.can_chat and entry.path not in outdated]

    @property
    def choices(self) -> Sequence[Choice]:
        """As a list to choose from."""
        return _choices(self.entries, self._services.is_built_in, self._guide.can_be_made)

    @property
    def likely(self) -> Path | None:
        """What a person without a preference means: the only model there is, or the built-in one beside none."""
        built_in = [entry.path for entry in self.entries if self._services.is_built_in(entry.path)]
        own = [entry.path for entry in self.entries if entry.path not in built_in]
        if own:
            return own[0] if len(own) == 1 else None
        wanted = guide_file(self._services.folder, CHAT_GUIDE)
        return wanted if wanted in built_in else None

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
            if facts and (facts.name or entry.path.stem, facts.quantization) == (
                message.model_name,
                message.quantization,
            ):
                return self._context_of(entry.path, facts)
        return None

    def described(self, path: Path | None) -> tuple[ModelSummary | None, int | None]:
        """What the header says, and the context it is loaded with, in tokens; None where that is not known."""
        entry = self.entry(path)
        facts = entry.facts if entry is not None else None
        return facts, self._context_of(path, facts) if path is not None and facts is not None else None

    def trained_length(self, path: Path | None) -> int | None:
        """The context a model was made for, in tokens; None where that is not known."""
        entry = self.entry(path)
        return entry.facts.context_length if entry is not None and entry.facts is not None else None

    def _context_of(self, path: Path, facts: ModelSummary) -> int:
        """As a person chose, or as it is recommended."""
        return self._contexts.get(path) or default_context_length(facts)

    def look(self, extra: Path | None) -> None:
        """Reads the library again; `extra`: a file that counts although it may lie elsewhere."""
        self._extra = extra
        if self._job is not None:
            self._look_again = True
            return
        services = self._services

        def work(control: JobControl) -> tuple[list[LibraryEntry], Standing, dict[Path, int]]:
            from app.recommend.choices import chosen_contexts

            entries = services.scan(control, extra=extra)
            paths = [entry.path for entry in entries if entry.can_chat]
            return (
                entries,
                standing(services.folder, [CHAT_GUIDE], paths),
                chosen_contexts(services.folder.database, paths),
            )

        self._job = jobs.run(
            self,
            "Look for models to chat with",
            work,
            on_done=self._take,
            on_failed=self._fail,
            on_end=lambda: self._ended(extra),
        )

    def _take(self, found: tuple[list[LibraryEntry], Standing, dict[Path, int]]) -> None:
        entries, self._guide, self._contexts = found
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


def _choices(
    entries: Iterable[LibraryEntry], is_built_in: Callable[[Path], bool], can_make_guide: bool
) -> list[Choice]:
    """By name, and behind the person's models the built-in one."""
    choices = []
    for entry in sorted(entries, key=lambda entry: (entry.title.casefold(), entry.file_bytes or 0)):
        size = format_bytes(entry.file_bytes) if entry.file_bytes is not None else ""
        choices.append(
            Choice(
                entry.plain_title,
                " · ".join(filter(None, (entry.quantization, size))),
                f"{entry.title} {entry.name} {entry.quantization or ''}",
                entry.path,
                is_built_in(entry.path),
            )
        )
    if can_make_guide:
        words = QCoreApplication.translate("ModelPicker", "made at first use")
        choices.append(Choice(guide.name(), words, guide.name(), built_in=True))
    return sorted(choices, key=lambda choice: choice.built_in)
