"""The files that will go with the next prompt: read and counted one after the other, kept per conversation."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.chat.attachments import Attachment, attached, beginning_of, estimate_tokens, fenced
from app.core.errors import EnvironmentFault, WrongChoice
from app.core.jobs import Job, JobControl, Progress
from app.core.text import encodable
from app.documents import Document, read_document, shown_name
from app.ui import jobs

MOST_FILES = 20
MOST_CHARACTERS = 4 * 1024 * 1024
_numbers = count()


@dataclass(frozen=True)
class Entry:
    """One of them. `attachment` None: it is still being read. `is_exact`: by the loaded model's own tokenizer.
    `pasted`: the text as it came from the clipboard, where it came from there."""

    number: int
    name: str
    attachment: Attachment | None = None
    tokens: int = 0
    is_exact: bool = False
    progress: Progress | None = None
    pasted: str = ""

    @property
    def is_ready(self) -> bool:
        return self.attachment is not None


class Attaching(QObject):
    """`changed`: entries or what is known about them. `failed`: a file cannot be attached (EnvironmentFault)."""

    changed = Signal()
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.count_tokens: Callable[[str], int | None] = lambda text: None
        """By the loaded model, from any thread; None where none is loaded."""
        self._draft: int | None = None
        self._drafts: dict[int | None, list[Entry]] = {}
        self._waiting: deque[tuple[int, Callable[[JobControl], Attachment]]] = deque()
        self._job: Job[tuple[Attachment, int, bool]] | None = None
        self._reading: int | None = None

    @property
    def drafts(self) -> Mapping[int | None, Sequence[Entry]]:
        """The entries of each conversation; None: of a new chat."""
        return self._drafts

    @property
    def entries(self) -> Sequence[Entry]:
        return self._drafts.get(self._draft, [])

    @property
    def is_reading(self) -> bool:
        return any(not entry.is_ready for entry in self.entries)

    @property
    def attachments(self) -> list[Attachment]:
        """Those that are read, with their tokens where these were counted."""
        return [
            replace(
                entry.attachment,
                head=replace(entry.attachment.head, tokens=entry.tokens if entry.is_exact else None),
            )
            for entry in self.entries
            if entry.attachment is not None
        ]

    def switch_to(self, draft: int | None) -> None:
        """Shows what is attached in that conversation; None: in a new chat."""
        self._draft = draft
        self.changed.emit()

    def restore(self, attachment: Attachment, *, is_pasted: bool) -> int:
        """One that had been attached before Nibble was started; the number of its entry. `changed` is left
        to whoever restores the last one."""
        entry = Entry(
            next(_numbers),
            attachment.head.name,
            attachment,
            estimate_tokens(fenced(attachment)),
            pasted=attachment.text if is_pasted else "",
        )
        self._add(entry, partial(_again, attachment))
        return entry.number

    def add_files(self, paths: Sequence[Path]) -> None:
        room = MOST_FILES - len(self.entries)
        if len(paths) > room:
            self.failed.emit(
                WrongChoice(
                    self.tr("A message takes up to {n} files.").format(n=MOST_FILES),
                    self.tr("Send them in several messages, or put them together into one file."),
                )
            )
        for path in paths[: max(room, 0)]:
            self._add(Entry(next(_numbers), shown_name(path.name)), partial(_read, path))
        self.changed.emit()

    def add_text(self, text: str) -> None:
        """Text from the clipboard."""
        clean = encodable(text).replace("\0", "")
        is_long = len(clean) > MOST_CHARACTERS
        remark = self.tr("Only its first 4 million characters.") if is_long else ""
        taken = {entry.name for entry in self.entries}
        names = (f"pasted-{n}.txt" if n > 1 else "pasted.txt" for n in count(1))
        name = next(name for name in names if name not in taken)
        document = Document(name, "text/plain", len(clean.encode()), clean[:MOST_CHARACTERS], "utf-8", remark)
        self._add(Entry(next(_numbers), name, pasted=clean), partial(_again, attached(document)))
        self.changed.emit()

    def remove(self, number: int) -> None:
        if self._reading == number and self._job is not None:
            self._job.cancel()
        self._drafts[self._draft] = [entry for entry in self.entries if entry.number != number]
        self.changed.emit()

    def clear(self) -> None:
        """They have been sent."""
        for entry in list(self.entries):
            self.remove(entry.number)

    def recount(self) -> None:
        """Another model is loaded, or one at last."""
        for entry in self.entries:
            if (attachment := entry.attachment) is not None:
                self._waiting.append((entry.number, partial(_again, attachment)))
        self._go_on()

    def shorten(self, number: int, most_tokens: int) -> None:
        """Leaves of that one as much of the beginning as so many tokens hold."""
        entry = self._entry(number)
        if entry is None or entry.attachment is None:
            return
        attachment, count_tokens = entry.attachment, self.count_tokens
        nothing = WrongChoice(
            self.tr("Not even the beginning of {name} has room.").format(name=entry.name),
            self.tr("Remove it, or make room in the context."),
        )

        def work(control: JobControl) -> Attachment:
            part = beginning_of(attachment, most_tokens, lambda text: _count(count_tokens, text)[0])
            if part is None:
                control.emit(nothing)
            return part or attachment

        self._update(number, attachment=None)
        self._waiting.append((number, work))
        self._go_on()

    # Reading, one after the other

    def _add(self, entry: Entry, work: Callable[[JobControl], Attachment]) -> None:
        self._drafts.setdefault(self._draft, []).append(entry)
        self._waiting.append((entry.number, work))
        self._go_on()

    def _go_on(self) -> None:
        if self._job is not None:
            return
        while self._waiting:
            number, work = self._waiting.popleft()
            if self._entry(number) is not None:  # else it was removed meanwhile
                self._start(number, work)
                return

    def _start(self, number: int, work: Callable[[JobControl], Attachment]) -> None:
        count_tokens = self.count_tokens
        self._reading = number

        def read(control: JobControl) -> tuple[Attachment, int, bool]:
            attachment = work(control)
            return (attachment, *_count(count_tokens, fenced(attachment)))

        self._job = jobs.run(
            self,
            "Read an attachment",
            read,
            on_progress=lambda progress: self._update(number, progress=progress),
            on_value=self.failed.emit,
            on_done=lambda found: self._take(number, *found),
            on_failed=lambda fault: self._fail(number, fault),
            on_end=lambda: self._ended(number),
        )

    def _take(self, number: int, attachment: Attachment, tokens: int, is_exact: bool) -> None:
        self._update(number, attachment=attachment, tokens=tokens, is_exact=is_exact, progress=None)

    def _fail(self, number: int, fault: EnvironmentFault) -> None:
        self.remove(number)
        self.failed.emit(fault)

    def _ended(self, number: int) -> None:
        self._job, self._reading = None, None
        entry = self._entry(number)
        if entry is not None and not entry.is_ready:  # a mistake of Nibble's own, which is told elsewhere
            self.remove(number)
        self._go_on()

    def _entry(self, number: int) -> Entry | None:
        found = (entry for entries in self._drafts.values() for entry in entries if entry.number == number)
        return next(found, None)

    def _update(self, number: int, **changes: object) -> None:
        for entries in self._drafts.values():
            for place, entry in enumerate(entries):
                if entry.number == number:
                    entries[place] = replace(entry, **changes)  # type: ignore[arg-type]
        self.changed.emit()


def _again(attachment: Attachment, control: JobControl) -> Attachment:
    """Only to be counted."""
    return attachment


def _read(path: Path, control: JobControl) -> Attachment:
    def tell(done: int, total: int) -> None:
        control.progress("Reading", done, total, "pages")

    return attached(read_document(path, control.cancel, tell))


def _count(count_tokens: Callable[[str], int | None], text: str) -> tuple[int, bool]:
    tokens = count_tokens(text)
    return (estimate_tokens(text), False) if tokens is None else (tokens, True)
