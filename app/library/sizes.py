"""How much room the models take, by the folder and the program they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.library.entry import LibraryEntry
from app.library.places import Place


@dataclass(frozen=True)
class PlaceSize:
    """`models` counts all entries, also those that cannot be used: they take room as well."""

    place: Place
    models: int
    file_bytes: int


def place_sizes(entries: Iterable[LibraryEntry], places: Sequence[Place]) -> list[PlaceSize]:
    """Of the places that hold any, the largest first. An entry counts for the first place it lies in."""
    totals: dict[Place, tuple[int, int]] = {}
    for entry in entries:
        place = next((each for each in places if entry.path.is_relative_to(each.folder)), None)
        if place is not None and entry.file_bytes:
            models, size = totals.get(place, (0, 0))
            totals[place] = models + 1, size + entry.file_bytes
    sizes = [PlaceSize(place, models, size) for place, (models, size) in totals.items()]
    return sorted(sizes, key=lambda each: each.file_bytes, reverse=True)
