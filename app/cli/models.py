"""From the word a person typed to a model."""

from __future__ import annotations

from app.core.errors import WrongChoice
from app.library import LibraryEntry, find_model, library_folders
from app.storage import data_folder, load_settings


def model_named(reference: str) -> LibraryEntry:
    """Raises UnknownModel, WrongChoice, and what reading the file raises."""
    data = data_folder()
    return find_model(reference, library_folders(data, load_settings(data.settings)))


def chat_model_named(reference: str) -> LibraryEntry:
    """As `model_named`, and raises WrongChoice for a file that nobody can chat with."""
    entry = model_named(reference)
    if entry.why_no_chat is not None:
        raise WrongChoice(f"{entry.name}: {entry.why_no_chat}", "Choose a chat model.")
    return entry
