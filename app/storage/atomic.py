"""Files that appear under their final name only when they are whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from app.core.errors import from_os_error


@contextmanager
def finished_file(target: Path) -> Iterator[Path]:
    """Yields a temporary path beside `target`; renames it to `target` after a clean exit.

    The content is flushed to disk before the rename, so a power cut leaves either the old file
    or the new one. On any error the temporary file is removed. Beside the target and not in a
    temporary folder, because a rename is atomic only within one file system.
    """
    partial = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        yield partial
        _flush(partial)
        os.replace(partial, target)
        _flush_folder(target.parent)
    except OSError as error:
        raise from_os_error(error, target, writing=True) from error
    finally:
        partial.unlink(missing_ok=True)


def write_atomically(target: Path, content: bytes) -> None:
    with finished_file(target) as partial:
        partial.write_bytes(content)


def _flush(path: Path) -> None:
    # O_RDWR: Windows flushes only handles that may write.
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows offers no handle on a folder to flush
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
