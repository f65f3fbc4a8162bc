"""Finds the model a person means."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from app.core.errors import UnknownModel, WrongChoice
from app.library.entry import LibraryEntry, model_name, read_entry
from app.library.scan import model_files

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?")
_MOST_LISTED = 8


def find_model(reference: str, folders: Sequence[Path]) -> LibraryEntry:
    """The model called `reference`: a path to a .gguf file, or a name in the library.

    A name is a file's name with or without .gguf, in upper or lower case, or its beginning where
    only one model begins so. Raises UnknownModel, WrongChoice where several fit, and for a file
    that is found but cannot be read, its fault.
    """
    if means_path(reference):
        return _readable(Path(os.path.expanduser(reference)))
    files = [found for found in model_files(folders) if isinstance(found, Path)]
    for fits in _ways_to_fit(reference):
        matches = [file for file in files if fits(model_name(file))]
        if len(matches) > 1:
            raise _ambiguous(reference, matches)
        if matches:
            return _readable(matches[0])
    raise _unknown(reference, files)


def _readable(path: Path) -> LibraryEntry:
    entry = read_entry(path)
    if entry.fault is not None:
        raise entry.fault
    return entry


def means_path(reference: str) -> bool:
    """Whether `find_model` looks for a file of that path, and not for a name in the library."""
    # A bare word is a name in the library even if a folder here has it, too.
    with_separator = os.sep in reference or "/" in reference
    with_suffix = reference.lower().endswith(".gguf")
    if os.path.exists(os.path.expanduser(reference)):
        return with_separator or with_suffix
    return (with_separator and with_suffix) or reference.startswith(("./", "../", "~", os.sep))


def _ways_to_fit(reference: str) -> tuple[Callable[[str], bool], ...]:
    """From the strictest to the most lenient."""
    name = model_name(Path(reference)) if reference.lower().endswith(".gguf") else reference
    folded = name.casefold()
    return (
        lambda candidate: candidate == name,
        lambda candidate: candidate.casefold() == folded,
        lambda candidate: bool(folded) and candidate.casefold().startswith(folded),
    )


def _ambiguous(reference: str, matches: list[Path]) -> WrongChoice:
    names = sorted({model_name(file) for file in matches})
    if len(names) == 1:  # the same name in several folders
        return WrongChoice(
            f"The library has {len(matches)} models called {names[0]}.",
            f"Give the path of one: {_listed([str(file) for file in matches])}.",
        )
    return WrongChoice(
        f"{len(names)} models in the library begin with {reference}.", f"Name one of them: {_listed(names)}."
    )


def _unknown(reference: str, files: list[Path]) -> UnknownModel:
    if _HUB_NAME.fullmatch(reference):
        return UnknownModel(
            f"{reference} looks like a model on the Hugging Face Hub, which Nibble cannot download from yet.",
            "Download its .gguf file yourself and give its path, or put it into a folder of the library.",
        )
    names = sorted({model_name(file) for file in files}, key=str.casefold)
    if not names:
        return UnknownModel(
            f"No model called {reference} is here: the library is empty.",
            "Give the path of a .gguf file, add a folder of models, or try guide, the model built into Nibble.",
        )
    return UnknownModel(
        f"No model called {reference} is in the library.",
        f"There are: {_listed(names)}; or give the path of a .gguf file.",
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more
