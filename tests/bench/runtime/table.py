"""What a row is, and how two things are measured in turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`is_met` None: not measured here, and `measured` says why."""

    what: str
    measured: str
    goal: str
    is_met: bool | None
    detail: str = ""

    def __str__(self) -> str:
        met = {True: "met", False: "NOT met", None: "-"}[self.is_met]
        return f"| {self.what} | {self.measured} | {self.goal} | {met} | {self.detail} |"


HEADER = "| what | measured | goal | | detail |\n| --- | --- | --- | --- | --- |"


@dataclass(frozen=True)
class Pairs:
    """What Nibble and llama.cpp's tool took or gave, in turns."""

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """Ours to theirs of the same turn: what disturbs the machine for seconds disturbs both."""
        return sorted(ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True))

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    def spread(self) -> str:
        """The middle half of the ratios."""
        if len(self.ratios) < 3:
            return f"{self.ratios[0]:.3f} to {self.ratios[-1]:.3f}"
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return f"{low:.3f} to {high:.3f}"


def in_turns(runs: int, ours: Callable[[], float], theirs: Callable[[], float]) -> Pairs:
    """Each begins every other turn, so that a machine that gets slower favours neither."""
    found: tuple[list[float], list[float]] = ([], [])
    for run in range(runs):
        for side in (0, 1) if run % 2 == 0 else (1, 0):
            found[side].append((ours, theirs)[side]())
    return Pairs(*found)


def rate_row(what: str, pairs: Pairs, goal: float) -> Row:
    """Of tokens per second: the more the better."""
    best = max(pairs.ours) / max(pairs.theirs)
    return Row(
        what,
        f"{pairs.ratio:.3f}",
        f"{goal:.2f} or better",
        pairs.ratio >= goal,
        f"{statistics.median(pairs.ours):.1f} to {statistics.median(pairs.theirs):.1f} tokens/s; middle half of"
        f" {len(pairs.ours)} turns {pairs.spread()}; best to best {best:.3f}",
    )
