"""Finds the model a person means."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from app.core.errors import EnvironmentFault, UnknownModel, WrongChoice
from app.core.jobs import CancelToken
from app.library.entry import LibraryEntry
from app.library.places import Place, folder_places
from app.library.records import labels
from app.library.scan import found_models, read_entry
from app.library.sources import FoundModel, model_name

_HUB_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(:(?P<quantization>[\w.-]+))?")
_MOST_LISTED = 8

Candidate = tuple[FoundModel, Place, tuple[str, ...]]
"""With all names it goes by."""


def find_model(reference: str, places: Sequence[Place], database: Path) -> LibraryEntry:
    """The model called `reference`: a path to a .gguf file, or a name in the library.

    A name is a file's name with or without .gguf, what another program calls it (`llama3.2:3b`, also without
    `:latest`), the name a person gave it, or the repository it is from, with `:` and a quantization where it is there
    in several; in upper or lower case, or its beginning where only one model begins so. `database` as for `scan`.
    Raises UnknownModel, WrongChoice where several fit, and for a file that is found but cannot be read, its fault.
    """
    if means_path(reference):
        path = os.path.expanduser(reference)
        (place,) = folder_places([path])
        return _readable(FoundModel(path, model_name(os.path.basename(path))), place)
    candidates = list(_candidates(places, _labels(database)))
    for fits in _ways_to_fit(reference):
        matches = [candidate for candidate in candidates if fits(candidate)]
        if len(matches) > 1:
            raise _ambiguous(reference, matches)
        if matches:
            found, place, _ = matches[0]
            return _readable(found, place)
    raise _unknown(reference, candidates)


def find_listed(reference: str, entries: Sequence[LibraryEntry]) -> LibraryEntry:
    """Among the entries of a scan, also those that cannot be used, the one of that path or name; no beginnings.

    Raises UnknownModel, and WrongChoice where several are called so.
    """
    path = os.path.abspath(os.path.expanduser(reference))
    folded = (model_name(reference) if os.sep not in reference else reference).casefold()
    matches = [entry for entry in entries if str(entry.path) == path] or [
        entry
        for entry in entries
        if folded in {each.casefold() for each in (entry.name, entry.label, *entry.aliases) if each}
    ]
    if not matches:
        raise UnknownModel(f"No model called {reference} is in the library.", "nibble list shows what is.")
    if len(matches) > 1:
        raise WrongChoice(
            f"The library has {len(matches)} models called {matches[0].name}.",
            f"Give the path of one: {_listed([str(entry.path) for entry in matches])}.",
        )
    return matches[0]


def _candidates(places: Sequence[Place], labels: dict[str, str]) -> Iterable[Candidate]:
    """Each file once, as for a scan, whichever ways lead to it."""
    seen = set()
    for found, place in found_models(places, CancelToken()):
        is_folder = found.path == str(place.folder) or os.path.isdir(found.path)
        if found.fault is not None and is_folder:
            continue
        file = os.path.realpath(found.path)
        if file not in seen:
            seen.add(file)
            label = labels.get(found.path)
            yield found, place, (found.name, *found.aliases, *([label] if label else []))


def _labels(database: Path) -> dict[str, str]:
    try:
        return labels(database)
    except EnvironmentFault:  # names in folders are found without it
        return {}


def _readable(found: FoundModel, place: Place) -> LibraryEntry:
    entry = read_entry(found, place)
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


def _ways_to_fit(reference: str) -> tuple[Callable[[Candidate], bool], ...]:
    """From the strictest to the most lenient."""
    name = model_name(os.path.basename(reference)) if reference.lower().endswith(".gguf") else reference
    folded = name.casefold()

    def is_named(candidate: Candidate) -> bool:
        return name in candidate[2]

    def is_named_in_other_case(candidate: Candidate) -> bool:
        return any(each.casefold() in (folded, f"{folded}:latest") for each in candidate[2])

    def begins_so(candidate: Candidate) -> bool:
        return bool(folded) and any(each.casefold().startswith(folded) for each in candidate[2])

    return is_named, is_named_in_other_case, lambda candidate: _is_from(reference, candidate[0]), begins_so


def _is_from(reference: str, found: FoundModel) -> bool:
    """Whether it is from the repository that is meant, in the quantization that is meant."""
    hub = _HUB_NAME.fullmatch(reference)
    if hub is None or found.origin.casefold() != hub["repository"].casefold():
        return False
    wanted = hub["quantization"]
    return (
        wanted is None or re.search(rf"(^|[-._]){re.escape(wanted)}$", found.name, re.IGNORECASE) is not None
    )


def _ambiguous(reference: str, matches: list[Candidate]) -> WrongChoice:
    names = sorted({found.name for found, _, _ in matches})
    if len(names) == 1:  # the same name in several folders
        return WrongChoice(
            f"The library has {len(matches)} models called {names[0]}.",
            f"Give the path of one: {_listed([found.path for found, _, _ in matches])}.",
        )
    return WrongChoice(
        f"{len(names)} models in the library fit {reference}.", f"Name one of them: {_listed(names)}."
    )


def _unknown(reference: str, candidates: list[Candidate]) -> UnknownModel:
    if _HUB_NAME.fullmatch(reference):
        return UnknownModel(
            f"{reference} is not in the library; it looks like a model on the Hugging Face Hub.",
            f"nibble pull {reference} downloads it.",
        )
    names = sorted({found.name for found, _, _ in candidates}, key=str.casefold)
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
