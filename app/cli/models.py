"""From the word a person typed to a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.cli.running import run_job
from app.core.errors import WrongChoice
from app.core.jobs import JobControl
from app.guide import guide_quantization, make_guide
from app.library import LibraryEntry, find_model, library_places, means_path
from app.storage import data_folder, load_settings


def model_named(reference: str) -> LibraryEntry:
    """`guide` and `guide-Q4_0` are the built-in model, which is made now where it is not there yet.

    Raises UnknownModel, WrongChoice, what reading the file raises, and what making the guide raises.
    """
    quantization = guide_meant_by(reference)
    if quantization is not None:
        (path,) = made_guide([quantization])
        reference = str(path)
    data = data_folder()
    places = library_places(data, load_settings(data.settings).model_folders)
    return find_model(reference, places, data.database)


def chat_model_named(reference: str) -> LibraryEntry:
    """As `model_named`, and raises WrongChoice for a file that nobody can chat with."""
    entry = model_named(reference)
    if entry.why_no_chat is not None:
        raise WrongChoice(f"{entry.name}: {entry.why_no_chat}", "Choose a chat model.")
    return entry


def guide_meant_by(reference: str) -> str | None:
    """Which quantization of the built-in model that is; None for everything else."""
    return None if means_path(reference) else guide_quantization(reference)


def made_guide(quantizations: Sequence[str]) -> list[Path]:
    """The built-in model's files in these types. Raises what making it raises."""

    def work(control: JobControl) -> list[Path]:
        return make_guide(data_folder(), quantizations, control)

    return run_job("make the guide", work)
