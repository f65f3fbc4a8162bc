"""What a comparison will take and how it will run, told before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from app.gguf import ModelFacts
from app.memory import Keeper, LoadPlan, Way
from app.recommend.choices import read_choices, wanted_load
from app.recommend.loading import plan_recommended

COMPARED = "the compared models"
"""How a sentence calls them where they are to be unloaded."""


@dataclass(frozen=True)
class ComparisonPlan:
    """`memory`: how the models of all panes, in their order, go into this computer's memory as it is now."""

    memory: LoadPlan
    panes_at_once: int
    threads_per_pane: int

    @property
    def in_turns(self) -> bool:
        """Some panes wait until others have answered."""
        return self.panes_at_once < len(self.memory.loads)


def plan_comparison(models: Sequence[ModelFacts], keeper: Keeper) -> ComparisonPlan:
    """The plan for these models, one for each pane, none of which is loaded. Raises what `wanted_load` raises."""
    at_once, threads = plan_threads(len(models), count_cores())
    choices = [read_choices(keeper.database, facts.path) for facts in models]
    loads = [wanted_load(facts, each, threads) for facts, each in zip(models, choices, strict=True)]
    memory = plan_recommended(keeper, COMPARED, loads)
    return ComparisonPlan(memory, 1 if memory.way is Way.IN_TURNS else at_once, threads)


def plan_threads(panes: int, cores: int) -> tuple[int, int]:
    """How many panes run at once, and with how many threads each; their product is at most `cores`."""
    at_once = max(1, min(panes, cores))
    return at_once, max(1, cores // at_once)


def count_cores() -> int:
    """Physical cores: a second thread on a core slows the first more than it helps."""
    return psutil.cpu_count(logical=False) or 1
