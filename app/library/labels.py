"""Names that a person gives to models. No file is renamed: other programs, and conversations, know it by its path."""

from __future__ import annotations

from pathlib import Path

from app.core.errors import WrongChoice
from app.library.entry import LibraryEntry
from app.library.records import set_label

MOST_CHARACTERS = 120


def rename(entry: LibraryEntry, label: str, database: Path) -> None:
    """An empty `label` gives the model its own name back. Raises WrongChoice, DataFolderFault and DiskFull."""
    label = " ".join(label.split())
    if not label.isprintable():
        raise WrongChoice(
            "A name cannot hold characters that are not shown.", "Type it instead of pasting it."
        )
    if len(label) > MOST_CHARACTERS:
        raise WrongChoice(f"A name has at most {MOST_CHARACTERS} characters.", "Choose a shorter one.")
    set_label(database, entry.path, entry.name, str(entry.path.parent), label)
