"""Which models of a library are worth putting side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from app.compare.comparison import MAXIMUM_PANES
from app.library import LibraryEntry

BITS_WANTED = (4.8, 8.5)
"""Bits per weight of the pair people ask about most: Q4_K_M and Q8_0."""


def comparable(entries: Iterable[LibraryEntry]) -> list[LibraryEntry]:
    """Those that can answer, by name, and of one name from few bits to many."""
    return sorted((entry for entry in entries if entry.can_chat), key=_order)


def quantizations_of_one(entries: Iterable[LibraryEntry]) -> list[list[LibraryEntry]]:
    """The models of which there are at least two quantizations; of each quantization one file."""
    groups = []
    for _, same in groupby(sorted(entries, key=lambda entry: (_identity(entry), _order(entry))), _identity):
        by_quantization = {entry.quantization: entry for entry in same if entry.can_chat}
        if len(by_quantization) >= 2:
            groups.append(sorted(by_quantization.values(), key=_bits))
    return groups


def suggested_pair(group: Sequence[LibraryEntry]) -> tuple[LibraryEntry, LibraryEntry]:
    """Of one model's quantizations the two nearest to Q4_K_M and Q8_0, the smaller one first."""
    low, high = BITS_WANTED
    first = min(group, key=lambda entry: abs(_bits(entry) - low))
    rest = [entry for entry in group if entry is not first]
    second = min(rest, key=lambda entry: abs(_bits(entry) - high))
    return (first, second) if _bits(first) <= _bits(second) else (second, first)


def ladder(group: Sequence[LibraryEntry]) -> list[LibraryEntry]:
    """Up to four of one model's quantizations, spread evenly from the fewest bits to the most."""
    if len(group) <= MAXIMUM_PANES:
        return list(group)
    steps = len(group) - 1
    return [group[round(step * steps / (MAXIMUM_PANES - 1))] for step in range(MAXIMUM_PANES)]


def partner_of(chosen: LibraryEntry, entries: Iterable[LibraryEntry]) -> LibraryEntry | None:
    """What to put beside `chosen`: another quantization of the same model, or else any other model."""
    others = [entry for entry in comparable(entries) if entry.path != chosen.path]
    same = [
        entry for entry in others if _identity(entry) == _identity(chosen) and _bits(entry) != _bits(chosen)
    ]
    if not same:
        return others[0] if others else None
    # Beside few bits belong many, and the other way round.
    wanted = BITS_WANTED[1] if _bits(chosen) < sum(BITS_WANTED) / 2 else BITS_WANTED[0]
    return min(same, key=lambda entry: abs(_bits(entry) - wanted))


def is_same_model(one: LibraryEntry, other: LibraryEntry) -> bool:
    """Whether they are quantizations of one model."""
    return _identity(one) == _identity(other)


def _identity(entry: LibraryEntry) -> tuple[str, str, int]:
    facts = entry.facts
    if facts is None:
        return (entry.name, "", 0)
    return (facts.name or "", facts.architecture or "", facts.parameters)


def _bits(entry: LibraryEntry) -> float:
    return (entry.facts.bits_per_weight or 0.0) if entry.facts else 0.0


def _order(entry: LibraryEntry) -> tuple[str, float, str]:
    return (
        entry.plain_title.casefold(),
        _bits(entry),
        str(entry.path),
    )
