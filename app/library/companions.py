"""Which projector of images or sound belongs to which model beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from app.library.entry import LibraryEntry

_WORD = re.compile(r"[a-z]+|\d+")
_GENERIC = frozenset(("mmproj", "model", "gguf", "f", "bf", "q", "k", "m", "s", "it", "instruct", "chat"))
_PREFERRED = ("F16", "BF16", "Q8_0", "F32")
"""Half precision is what all of them are published in; more costs memory and gains nothing."""


def with_companions(entries: Iterable[LibraryEntry]) -> list[LibraryEntry]:
    """The entries in their order; a model without a companion gets the projector in its folder that fits best.

    One fits that is as wide as the model, or whose name shares a word with it, or that has no name of its own.
    """
    entries = list(entries)
    projectors: dict[Path, list[LibraryEntry]] = {}
    for entry in entries:
        if entry.facts is not None and entry.facts.kind == "mmproj":
            projectors.setdefault(entry.path.parent, []).append(entry)
    if not projectors:
        return entries
    return [
        replace(entry, companions=(best.path, *entry.companions))
        if (best := _best(entry, projectors.get(entry.path.parent, ()))) is not None
        else entry
        for entry in entries
    ]


def _best(entry: LibraryEntry, projectors: Iterable[LibraryEntry]) -> LibraryEntry | None:
    if entry.facts is None or entry.facts.kind != "model" or entry.companions:
        return None
    ranked = [(rank, each) for each in projectors if (rank := _rank(entry, each)) is not None]
    return max(ranked, key=lambda pair: pair[0])[1] if ranked else None


def _rank(model: LibraryEntry, projector: LibraryEntry) -> tuple[int, int, int] | None:
    """None where nothing speaks for it."""
    assert model.facts is not None
    assert projector.facts is not None
    is_as_wide = int(model.facts.embedding_length == projector.facts.projection_length)
    words = _words(projector.name)
    shared = len(words & _words(model.name))
    if words and not shared and not is_as_wide:
        return None
    quantization = projector.quantization
    preference = -_PREFERRED.index(quantization) if quantization in _PREFERRED else -len(_PREFERRED)
    return is_as_wide, shared, preference


def _words(name: str) -> set[str]:
    return {word for word in _WORD.findall(name.casefold()) if word not in _GENERIC and not word.isdigit()}
