"""What a comparison will take and how it will run, told before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from app.gguf import ModelFacts
from app.hardware import read_memory
from app.memory import MemoryEstimate, default_context_length, estimate
from app.runtime import LoadSettings


@dataclass(frozen=True)
class ComparisonPlan:
    """`estimates` in the order of the panes; `available_bytes` and `total_bytes` of this computer, now."""

    estimates: tuple[MemoryEstimate, ...]
    available_bytes: int
    total_bytes: int
    panes_at_once: int
    threads_per_pane: int

    @property
    def needed_bytes(self) -> int:
        return sum(each.in_use_bytes for each in self.estimates)

    @property
    def fits(self) -> bool:
        return self.needed_bytes <= self.available_bytes

    @property
    def in_turns(self) -> bool:
        """Some panes wait until others have answered."""
        return self.panes_at_once < len(self.estimates)


def plan_comparison(models: Sequence[ModelFacts]) -> ComparisonPlan:
    """The plan for these models, one for each pane, on this computer as it is now."""
    memory = read_memory()
    at_once, threads = plan_threads(len(models), count_cores())
    return ComparisonPlan(
        tuple(
            estimate(facts, LoadSettings(context_length=default_context_length(facts))) for facts in models
        ),
        memory.available_bytes,
        memory.total_bytes,
        at_once,
        threads,
    )


def plan_threads(panes: int, cores: int) -> tuple[int, int]:
    """How many panes run at once, and with how many threads each; their product is at most `cores`."""
    at_once = max(1, min(panes, cores))
    return at_once, max(1, cores // at_once)


def count_cores() -> int:
    """Physical cores: a second thread on a core slows the first more than it helps."""
    return psutil.cpu_count(logical=False) or 1
