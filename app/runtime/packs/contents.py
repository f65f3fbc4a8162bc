"""The files of a runtime pack: are they those that were built?"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

_LIBRARY = re.compile(r".*\.(so(\.\d+)*|dylib|dll)", re.IGNORECASE | re.DOTALL)


class PackFile(msgspec.Struct, frozen=True):
    """`path`: below the pack's folder, with slashes."""

    path: str
    size_bytes: int = msgspec.field(name="bytes")
    sha256: str


def damage(folder: Path, files: Sequence[PackFile]) -> str:
    """What is wrong with them, as a sentence; empty where they are as the manifest says. Reads them all, some hundred
    MB a second. Old manifests name none."""
    if not files:
        return ""
    return next(_flaws(folder, files), "")


def _flaws(folder: Path, files: Sequence[PackFile]) -> Iterator[str]:
    named = set()
    for each in files:
        path = folder.joinpath(*each.path.split("/"))
        if not _is_inside(folder, path) or "\\" in each.path:
            yield f"Its file {each.path} is not inside it."
            continue
        named.add(path)
        if not path.is_file():
            yield f"Its file {each.path} is missing: get the pack again."
            continue
        try:
            with path.open("rb") as content:
                # What is longer than it was built is not read to its end.
                is_whole = path.stat().st_size == each.size_bytes
                digest = hashlib.file_digest(content, "sha256").hexdigest() if is_whole else ""
        except OSError as error:
            yield f"Its file {each.path} cannot be read: {error.strerror or error}."
            continue
        if digest != each.sha256:
            yield f"Its file {each.path} is not the one that was built: get the pack again."
    for path in sorted(folder.iterdir()):
        # llama.cpp would load it, whoever put it there.
        if _LIBRARY.fullmatch(path.name) and path not in named:
            yield f"Its file {path.name} does not belong to it: get the pack again."


def _is_inside(folder: Path, path: Path) -> bool:
    try:
        return not path.is_symlink() and path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # names that no file can have, and links in a circle
        return False
