"""Looks at the library: what is there, and what each file is, read anew only where a file is not as it was."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from app.core.errors import (
    DamagedGguf,
    EnvironmentFault,
    FileGone,
    NotAllowed,
    UnreadableFile,
    from_os_error,
)
from app.core.jobs import CancelToken
from app.core.units import format_bytes
from app.gguf import read_facts
from app.gguf.summary import ModelSummary, summarize
from app.library.companions import with_companions
from app.library.earlier import EarlierEntries
from app.library.entry import EntryState, LibraryEntry
from app.library.places import Place
from app.library.records import Records
from app.library.sources import FoundModel, Walk
from app.library.stamp import part_files, stamp_of
from app.memory.loads import last_loads


def scan(
    places: Sequence[Place],
    database: Path,
    cancel: CancelToken | None = None,
    on_entry: Callable[[LibraryEntry], None] | None = None,
    earlier: EarlierEntries | None = None,
) -> list[LibraryEntry]:
    """All models in `places`, by name; what was there at an earlier look and is gone, too.

    A split model is one entry, and so is a file that is reached in several ways. What cannot be read is an entry
    with a fault; nothing else is raised but Cancelled. `on_entry` is told of each entry as it is found, before
    companions are known. `database` is where headers are remembered; it need not exist. Who looks again and again
    gives the same `earlier` each time.
    """
    look = _Look(database, EarlierEntries() if earlier is None else earlier)
    entries = []
    try:
        for found, place in found_models(places, cancel or CancelToken()):
            entry = look.entry(found, place)
            if entry is not None:
                entries.append(entry)
                if on_entry is not None:
                    on_entry(entry)
        entries += look.missing(places)
        entries = look.named_anew(entries)
    finally:  # what was read before somebody cancelled need not be read again
        look.records.write()
    entries.sort(key=lambda entry: (entry.name.casefold(), str(entry.path)))
    return with_companions(entries)


def found_models(places: Sequence[Place], cancel: CancelToken) -> Iterator[tuple[FoundModel, Place]]:
    """What is there, by the programs' own records and the files' names; no model file is opened."""
    walk = Walk(cancel)
    for place in places:
        for found in place.program.find(str(place.folder), walk):
            cancel.raise_if_cancelled()
            yield found, place


def read_entry(found: FoundModel, place: Place) -> LibraryEntry:
    """The entry of one file, read without what is remembered."""
    files = _Files(found)
    return _entry(found, place, files, files.fault or _read(found.path))


class _Files:
    """The files of a model before they are opened: `statuses` of all parts, None for one that is not there; `fault`:
    why opening them is no use, with `state`."""

    def __init__(self, found: FoundModel) -> None:
        self.statuses: list[os.stat_result | None] = []
        self.fault: EnvironmentFault | None = found.fault
        self.state = EntryState.OK
        if found.fault is not None:
            return
        for file in part_files(found.path):
            try:
                self.statuses.append(os.stat(file))
            except (OSError, ValueError) as error:
                self.statuses.append(None)
                if file == found.path:
                    self._not_reached(error, found)
        first = self.statuses[0]
        if found.size and first is not None and first.st_size != found.size:
            self.state = EntryState.INCOMPLETE
            self.fault = DamagedGguf(
                f"{found.name} is not whole: {format_bytes(first.st_size)} of {format_bytes(found.size)} are there.",
                "Let the program it belongs to download it again.",
            )

    @property
    def file_bytes(self) -> int:
        return sum(status.st_size for status in self.statuses if status is not None)

    def identity(self, path: str) -> object:
        """Equal for one file that is reached in several ways."""
        first = next((status for status in self.statuses if status is not None), None)
        if first is None or not first.st_ino:  # some file systems do not number their files
            return os.path.realpath(path)
        return first.st_dev, first.st_ino

    def _not_reached(self, error: OSError | ValueError, found: FoundModel) -> None:
        name = os.path.basename(found.path)
        if isinstance(error, ValueError):  # a zero in the path
            self.fault = UnreadableFile(f"{name!r} is no name of a file.", "Rename it.")
            return
        self.fault = from_os_error(error, found.path)
        if not isinstance(self.fault, FileGone):
            return
        if os.path.islink(found.path):
            self.fault = FileGone(
                f"{name} is only a link, and the file it leads to is missing.",
                "Download the model again, or remove the link.",
            )
        elif found.size:
            self.fault = FileGone(
                f"The weights of {found.name} are missing.",
                "Let the program it belongs to download them again.",
            )
        else:  # it went while we looked
            self.state = EntryState.GONE


class _Look:
    """One look, with what was known before."""

    def __init__(self, database: Path, earlier: EarlierEntries) -> None:
        self.records = Records(database)
        self._earlier = earlier
        self._last_loads = last_loads(database)
        self._files_seen: set[object] = set()
        self._paths_seen: set[str] = set()

    def entry(self, found: FoundModel, place: Place) -> LibraryEntry | None:
        """None for a file that was reached before."""
        path, folder = found.path, str(place.folder)
        self._paths_seen.add(path)
        files = _Files(found)
        identity = files.identity(path)
        if identity in self._files_seen:
            return None
        self._files_seen.add(identity)
        told: ModelSummary | EnvironmentFault | None = files.fault
        stamp = stamp_of(files.statuses)
        if told is None:
            told = self.records.recall(path, folder, stamp)
            if told is None:
                told = _read(path)
                self.records.remember(path, found.name, folder, stamp, told)
            if self.records.is_changed(path, stamp):
                files.state = EntryState.CHANGED
        label, last_used_at = self.records.label(path), self._last_loads.get(path)

        def make() -> LibraryEntry:
            return _entry(found, place, files, told, label, last_used_at)

        fault = (type(told), told.message, told.hint) if isinstance(told, EnvironmentFault) else None
        made_of = (found, place.program, stamp, files.state, fault, label, last_used_at)
        return self._earlier.entry(path, made_of, make)

    def missing(self, places: Sequence[Place]) -> Iterator[LibraryEntry]:
        """Nothing of a folder that is not there itself: a disk may be unplugged."""
        by_folder = {str(place.folder): place for place in places}
        there = [folder for folder in by_folder if os.path.isdir(folder)]
        for path, record in self.records.missing(there, self._paths_seen):
            fault = FileGone(
                f"{record.name} is not there any more.",
                f"It was {path}. Bring it back, or remove it from the list.",
            )
            yield LibraryEntry(
                Path(path),
                record.name,
                fault=fault,
                state=EntryState.GONE,
                program=by_folder[record.place].program,
                label=record.label,
            )

    def named_anew(self, entries: list[LibraryEntry]) -> list[LibraryEntry]:
        """With the names that moved files had where they were."""
        labels = self.records.moved_labels
        if not labels:
            return entries
        return [replace(entry, label=labels.get(str(entry.path), entry.label)) for entry in entries]


def _read(path: str) -> ModelSummary | EnvironmentFault:
    try:
        return summarize(read_facts(Path(path)))
    except EnvironmentFault as fault:
        # An entry may live for days; the frames of the attempt must not.
        fault.__traceback__ = fault.__cause__ = fault.__context__ = None
        return fault


def _entry(
    found: FoundModel,
    place: Place,
    files: _Files,
    told: ModelSummary | EnvironmentFault,
    label: str = "",
    last_used_at: float | None = None,
) -> LibraryEntry:
    summary, fault = (None, told) if isinstance(told, EnvironmentFault) else (told, None)
    state = files.state if fault is None or files.state is not EntryState.OK else _state_of(fault)
    if isinstance(fault, FileGone) and found.path == str(place.folder) and place.program.is_own:
        state = EntryState.AWAY
    first = part_files(found.path)[0] if summary is not None and summary.files > 1 else found.path
    return LibraryEntry(
        Path(first),
        found.name,
        summary,
        fault,
        state,
        place.program,
        files.file_bytes,
        found.origin,
        found.aliases,
        tuple(map(Path, found.companions)),
        (summary.licence if summary else None) or found.licence,
        label,
        last_used_at,
    )


def _state_of(fault: EnvironmentFault) -> EntryState:
    match fault:
        case FileGone():
            return EntryState.INCOMPLETE
        case NotAllowed() | UnreadableFile():
            return EntryState.DENIED
    return EntryState.DAMAGED
