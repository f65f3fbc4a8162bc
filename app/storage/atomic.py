"""Files that appear under their final name only when they are whole, and folders for what never gets one."""

from __future__ import annotations

import os
import platform
import re
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from app.core.errors import from_os_error
from app.storage.processes import is_alive, this_process

_HOST = f"{zlib.crc32(os.fsencode(platform.node())):08x}"
"""In the temporary name, because a folder may be shared: who lives on another computer cannot be told."""
_PARTIAL = re.compile(rf"\..*\.{_HOST}-(?P<writer>\d+-\d+\.\d+)\.[0-9a-f]{{8}}\.part", re.DOTALL)


@contextmanager
def finished_file(target: Path, *, flush: bool = True) -> Iterator[Path]:
    """Yields a temporary path beside `target`; renames it to `target` after a clean exit.

    The content is flushed to disk before the rename, so a power cut leaves either the old file
    or the new one; without `flush` it may leave half of one, for who can tell and do without.
    On any error the temporary file is removed; what a killed writer left in this folder is removed
    before. Beside the target and not in a temporary folder, because a rename is atomic only within
    one file system. Raises the fault behind a failed flush or rename; what the block raises passes
    as it is.
    """
    _remove_leftovers(target.parent)
    partial = _unfinished(target)
    try:
        yield partial
        put_in_place(partial, target, flush=flush)
    finally:
        with suppress(OSError):  # a folder that went away must not hide why
            partial.unlink(missing_ok=True)


@contextmanager
def finished_files(targets: Sequence[Path]) -> Iterator[list[Path]]:
    """As `finished_file` for several in one folder, which get their names only when all are whole and on disk.

    The first gets its name last: who looks for it finds the others. Where a name cannot be given, those that have
    theirs already and were not there before are removed.
    """
    _remove_leftovers(targets[0].parent)
    partials = [_unfinished(target) for target in targets]
    named: list[Path] = []
    try:
        yield partials
        try:
            for partial in partials:
                _flush(partial)
            for partial, target in reversed(list(zip(partials, targets, strict=True))):
                is_new = not target.exists()
                os.replace(partial, target)
                if is_new:
                    named.append(target)
            flush_folder(targets[0].parent)
        except OSError as error:
            for target in named:
                _remove(target)
            raise from_os_error(error, targets[0], writing=True) from error
    finally:
        for partial in partials:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def put_in_place(partial: Path, target: Path, *, flush: bool = True) -> None:
    """Flushes `partial` to disk and renames it to `target`, in the same folder. Raises the fault behind what fails."""
    try:
        if flush:
            _flush(partial)
        os.replace(partial, target)
        if flush:
            flush_folder(target.parent)
    except OSError as error:
        raise from_os_error(error, target, writing=True) from error


@contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """Yields a new, hidden folder in the folder of `beside`; it and what is in it are gone afterwards.

    For files too large for the system's temporary folder. What a killed writer left is removed as
    for `finished_file`. Raises the fault behind a folder that cannot be made.
    """
    _remove_leftovers(beside.parent)
    scratch = _unfinished(beside)
    try:
        scratch.mkdir()
    except OSError as error:
        raise from_os_error(error, beside.parent, writing=True) from error
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_atomically(target: Path, content: bytes) -> None:
    with finished_file(target) as partial:
        try:
            partial.write_bytes(content)
        except OSError as error:
            raise from_os_error(error, target, writing=True) from error


def _unfinished(target: Path) -> Path:
    """A new name beside `target` that tells who writes there."""
    writer = this_process().replace(" ", "-")
    return target.with_name(f".{target.name}.{_HOST}-{writer}.{os.urandom(4).hex()}.part")


def _remove_leftovers(folder: Path) -> None:
    with suppress(OSError):  # whatever is wrong with the folder, writing to it will tell
        for path in folder.iterdir():
            if (found := _PARTIAL.fullmatch(path.name)) and not is_alive(found["writer"].replace("-", " ")):
                _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()


def _flush(path: Path) -> None:
    # O_RDWR: Windows flushes only handles that may write.
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_folder(folder: Path) -> None:
    """So that what was renamed in it is so after a power cut, too."""
    if os.name == "nt":  # Windows offers no handle on a folder to flush
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
