"""Which folders the library consists of, and which of them is Nibble's own to fill."""

from __future__ import annotations

import re
from pathlib import Path

from app.gguf.types import QUANTIZATIONS
from app.storage import DataFolder, Settings

_GUIDE_FILE = re.compile(r"guide-(?P<type>\w+)\.gguf")
_TYPES = frozenset(QUANTIZATIONS.values())


def library_folders(data: DataFolder, settings: Settings) -> list[Path]:
    """Nibble's own folders first (they need not exist yet), then those the person added."""
    return [data.models, data.guide, *(Path(folder) for folder in settings.model_folders)]


def is_built_in(path: Path, data: DataFolder) -> bool:
    """Whether `path`, as a scan of `library_folders` gives it, is a file of the guide, Nibble's own model.

    By its name alone, so that it is quick anywhere: a person's model in the guide's folder is theirs.
    A list marks the guide's files, and says of a damaged one that it is made again (`entry_fault`).
    """
    name = _GUIDE_FILE.fullmatch(path.name)
    return path.parent == data.guide and name is not None and name["type"] in _TYPES
