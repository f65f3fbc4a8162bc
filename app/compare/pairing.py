"""Which models of a library are worth putting side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from app.library import LibraryEntry

BITS_WANTED = (4.8, 8.5)
"""Bits per weight of the pair people ask about most: Q4_K_M and Q8_0."""


@dataclass(frozen=True)
class Step:
    """Of the ladder: how its quantizations are named, the usual one and about how many bits a weight has in it."""

    digit: int
    quantization: str
    bits: float


LADDER = (
    Step(2, "Q2_K", 3.2),
    Step(3, "Q3_K_M", 4.0),
    Step(4, "Q4_K_M", 4.9),
    Step(6, "Q6_K", 6.6),
    Step(8, "Q8_0", 8.5),
)
NEARLY = 1.0
"""Bits per weight within which another quantization stands for a step, as Q5_K_M for that of six."""


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


def is_pair_asked_for(pair: Sequence[LibraryEntry]) -> bool:
    """Whether they are of four and of eight bits."""
    return [_bits_in_name(each.quantization) for each in pair] == [4, 8]


def ladder(group: Sequence[LibraryEntry]) -> list[LibraryEntry]:
    """Of one model's quantizations those for the steps of two, three, four, six and eight bits, the fewest first. Each
    step has what is named after its bits, or else what has nearly as many; one that has neither is left out."""
    found: dict[Path, LibraryEntry] = {}
    for step in LADDER:
        near = [each for each in group if each.path not in found and _can_stand_for(each, step)]
        if near:
            best = min(
                near, key=lambda each: (_bits_in_name(each.quantization) != step.digit, _off(each, step))
            )
            found[best.path] = best
    return sorted(found.values(), key=_bits)


def missing_steps(group: Sequence[LibraryEntry]) -> list[str]:
    """The quantizations that could be made to fill the ladder, as `Q3_K_M`."""
    there = {_bits_in_name(each.quantization) for each in ladder(group)}
    return [step.quantization for step in LADDER if step.digit not in there]


def _can_stand_for(entry: LibraryEntry, step: Step) -> bool:
    digit = _bits_in_name(entry.quantization)
    if digit in {each.digit for each in LADDER}:
        return digit == step.digit
    return _off(entry, step) <= NEARLY


def _off(entry: LibraryEntry, step: Step) -> float:
    return abs(_bits(entry) - step.bits)


def _bits_in_name(quantization: str | None) -> int | None:
    """4 of `Q4_K_M` and `IQ4_XS`; None of `F16` and `BF16`."""
    found = re.match(r"I?Q(\d)", quantization or "")
    return int(found[1]) if found else None


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
