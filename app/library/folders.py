"""Which folders the library consists of."""

from __future__ import annotations

from pathlib import Path

from app.storage import DataFolder, Settings


def library_folders(data: DataFolder, settings: Settings) -> list[Path]:
    """Nibble's own models folder first, then those the person added."""
    return [data.models, *(Path(folder) for folder in settings.model_folders)]
