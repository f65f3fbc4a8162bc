"""Which folders the library consists of, and which of them is Nibble's own to fill."""

from __future__ import annotations

import os
from pathlib import Path

from app.storage import DataFolder, Settings


def library_folders(data: DataFolder, settings: Settings) -> list[Path]:
    """Nibble's own folders first (they need not exist yet), then those the person added."""
    return [data.models, data.guide, *(Path(folder) for folder in settings.model_folders)]


def is_built_in(path: Path, data: DataFolder) -> bool:
    """Whether the model at `path` is Nibble's own guide and not the person's.

    A list marks it, and what deletes models refuses it: it belongs to the installation, and
    would be made again at its next use anyway.
    """
    return os.path.realpath(path.parent) == os.path.realpath(data.guide)
