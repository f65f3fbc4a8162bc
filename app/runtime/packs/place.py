"""The person's folder of runtime packs: one process at a time changes it, and clears away what a killed one has left.

Packs have names that can be seen. Hidden are the lock, archives that arrive (`app.downloads` has names of its own for
unfinished files), what is being unpacked (`.new`) and what is on its way out (`.old`).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.core.errors import NotAllowed, PackInUse, WrongChoice, from_os_error
from app.downloads.unfinished import unfinished_of
from app.runtime.packs.offered import OfferedPack, offered_packs
from app.runtime.packs.pack import Pack
from app.runtime.packs.users import processes_on
from app.storage import data_folder
from app.storage.atomic import flush_folder

_LOCK = ".lock"
_ARCHIVE = ".tar.gz"
_NEW, _OLD = ".new", ".old"
_WAITS_S = (0.1, 0.2, 0.4, 0.8, 1.6)
_UNFINISHED = (".download", ".blocks", ".lock")


def pack_place() -> PackPlace:
    """Of this person, with what this Nibble offers."""
    return PackPlace(data_folder().packs, offered_packs())


class PackPlace:
    def __init__(self, folder: Path, offered: Iterable[OfferedPack]) -> None:
        """`offered`: of these, what has arrived is kept."""
        self.folder = folder
        self._offered = tuple(offered)

    def archive_of(self, pack: OfferedPack) -> Path:
        """Where it arrives."""
        return self.folder / f".{pack.folder_name}{_ARCHIVE}"

    def arrived_bytes(self, pack: OfferedPack) -> int:
        """Of its archive, what takes room on this disk already."""
        archive = self.archive_of(pack)
        if archive.exists():
            return pack.bytes
        return min(unfinished_of(archive, pack.content).held_bytes(), pack.bytes)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Clears away what was left, and keeps other processes out; a killed one's lock is free.

        Raises WrongChoice where another process changes packs, and the fault behind a folder that cannot be written.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / _LOCK, timeout=0)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            raise WrongChoice(
                "Another Nibble is getting or removing a runtime pack.",
                "Wait for it, or close the other one.",
            ) from None
        except OSError as error:
            raise from_os_error(error, self.folder, writing=True) from error
        try:
            self._clear()
            yield
        finally:
            lock.release()

    def clear(self) -> None:
        """What killed processes have left; for the start. Nothing where somebody is at work here, or it is denied."""
        if self.folder.is_dir():
            with suppress(WrongChoice, NotAllowed), self.changing():
                pass

    @contextmanager
    def unpacking(self, pack: OfferedPack) -> Iterator[Path]:
        """A new, empty folder that gets the pack's name at the end, in the place of any that has it. Raises the fault
        behind what the disk refuses."""
        new = self.folder / f".{pack.folder_name}{_NEW}"
        target = self.folder / pack.folder_name
        try:
            new.mkdir()
            yield new
            if target.exists():
                self._put_aside(target)
            _rename(new, target)
            flush_folder(self.folder)
        except OSError as error:
            raise from_os_error(error, target, writing=True) from error
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def holds(self, pack: Pack) -> bool:
        """Others are a part of the program."""
        return pack.folder is not None and pack.folder.parent == self.folder

    def remove(self, pack: Pack) -> None:
        """Raises WrongChoice for a part of the program, PackInUse, and the fault behind what the system denies."""
        if pack.folder is None or not self.holds(pack):
            raise WrongChoice(
                f"The runtime pack {pack.name} is a part of Nibble itself.",
                "It goes when the program is removed.",
            )
        if count := len(processes_on(pack.folder)):
            processes = "1 process" if count == 1 else f"{count} processes"
            raise PackInUse(
                f"The runtime pack {pack.name} is in use by {processes} of Nibble.",
                "Unload the models that run on it, or close the other Nibble, then remove it.",
            )
        try:
            self._put_aside(pack.folder)
        except OSError as error:
            raise from_os_error(error, pack.folder, writing=True) from error

    def _put_aside(self, folder: Path) -> None:
        """Renamed first: whatever happens then, no half of it is left under its name."""
        old = self.folder / f".{folder.name}{_OLD}"
        shutil.rmtree(old, ignore_errors=True)
        try:
            _rename(folder, old)
        except PermissionError:
            if os.name != "nt":
                raise
            raise PackInUse(  # Windows lets no folder be renamed while a library in it is loaded
                f"{folder.name} is in use.", "Close the programs that use it, then try again."
            ) from None
        shutil.rmtree(old, ignore_errors=True)

    def _clear(self) -> None:
        kept = {_LOCK}
        for pack in self._offered:
            archive = self.archive_of(pack)
            unfinished = unfinished_of(archive, pack.content)
            kept |= {archive.name, unfinished.partial.name, unfinished.log.name, unfinished.lock.name}
        for path in self.folder.iterdir():
            if not path.name.startswith(".") or path.name in kept:
                continue
            if not path.name.endswith((_NEW, _OLD, _ARCHIVE, *_UNFINISHED)):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()


def _rename(folder: Path, target: Path) -> None:
    """On Windows a scanner may still read what has just been written, which then cannot be renamed."""
    for wait_s in _WAITS_S if os.name == "nt" else ():
        with suppress(PermissionError):
            os.rename(folder, target)
            return
        time.sleep(wait_s)
    os.rename(folder, target)
