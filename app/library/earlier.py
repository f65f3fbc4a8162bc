"""EarlierEntries: what looks before have found, so that only the few models that changed are made anew."""

from __future__ import annotations

from collections.abc import Callable

from app.library.entry import LibraryEntry


class EarlierEntries:
    """A model of which nothing has changed is the same object in every look; looks may go on at the same time."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[object, ...], LibraryEntry]] = {}

    def entry(self, path: str, made_of: tuple[object, ...], make: Callable[[], LibraryEntry]) -> LibraryEntry:
        """That of the last look at `path`, if it was `made_of` the same; else what `make` gives."""
        known = self._known.get(path)
        if known is None or known[0] != made_of:
            known = self._known[path] = made_of, make()
        return known[1]
