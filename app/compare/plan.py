"""What a comparison will take and how it will run, told before anything is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import psutil

from app.gguf import ModelFacts
from app.memory import Keeper, Load, LoadPlan, Way, expected_load_s
from app.recommend.choices import read_choices, wanted_load
from app.recommend.fit import speed_with
from app.recommend.loading import budget_for, plan_recommended
from app.recommend.need import need_of
from app.recommend.speed import Speed

COMPARED = "the compared models"
"""How a sentence calls them where they are to be unloaded."""


@dataclass(frozen=True)
class ComparisonPlan:
    """`memory`: how the models of all panes, in their order, go into this computer's memory as it is now."""

    memory: LoadPlan
    panes_at_once: int
    threads_per_pane: int
    speeds: tuple[Speed, ...] = ()
    """Of each pane alone with all cores, as far as anybody can tell beforehand."""
    loads_s: tuple[float | None, ...] = ()
    """What each model took to be loaded the last times, in seconds; None where it never was."""

    @property
    def in_turns(self) -> bool:
        """Some panes wait until others have answered."""
        return self.panes_at_once < len(self.memory.loads)

    def speed(self, pane: int) -> Speed | None:
        """Of a pane as it will run: panes that run at once share cores and what can be read of memory."""
        if pane >= len(self.speeds):
            return None
        alone = self.speeds[pane]
        return replace(alone, low=alone.low / self.panes_at_once, high=alone.high / self.panes_at_once)

    @property
    def loading_s(self) -> float | None:
        """Until all models are loaded, one after another, about; None where one was never loaded here."""
        known = [seconds for seconds in self.loads_s if seconds is not None]
        return sum(known) if known and len(known) == len(self.memory.loads) else None

    def answers_s(self, tokens: int) -> float | None:
        """Until all panes have written so many tokens, about."""
        if not self.speeds or not all(speed.high > 0 for speed in self.speeds):
            return None
        return sum(2 * tokens / (speed.low + speed.high) for speed in self.speeds)


def plan_comparison(
    models: Sequence[ModelFacts], keeper: Keeper, one_after_another: bool = False
) -> ComparisonPlan:
    """The plan for these models, one for each pane, none of which is loaded. Raises what `wanted_load` raises."""
    at_once, threads = plan_threads(len(models), count_cores(), one_after_another)
    choices = [read_choices(keeper.database, facts.path) for facts in models]
    loads = [wanted_load(facts, each, threads) for facts, each in zip(models, choices, strict=True)]
    memory = plan_recommended(keeper, COMPARED, loads)
    if (
        memory.way is Way.IN_TURNS and at_once > 1
    ):  # nothing else is loaded meanwhile that could use the cores
        return plan_comparison(models, keeper, one_after_another=True)
    speeds = tuple(_speed(load, keeper) for load in memory.loads)
    loads_s = tuple(expected_load_s(keeper.database, facts.path) for facts in models)
    return ComparisonPlan(memory, at_once, threads, speeds, loads_s)


def plan_threads(panes: int, cores: int, one_after_another: bool = False) -> tuple[int, int]:
    """How many panes run at once, and with how many threads each; their product is at most `cores`.

    `one_after_another`: none beside another, so that each is as fast as it is alone.
    """
    at_once = 1 if one_after_another else max(1, min(panes, cores))
    return at_once, max(1, cores // at_once)


def _speed(load: Load, keeper: Keeper) -> Speed:
    budget = budget_for(load, keeper.situation(COMPARED), keeper.database)
    settings = load.settings
    need = need_of(load.facts, settings)
    everything = need.layers + 1 if budget.accelerator_bytes else 0
    return speed_with(
        need,
        budget,
        settings.gpu_layers if settings.gpu_layers >= 0 else everything,
        expert_layers_in_memory=settings.expert_layers_in_memory,
    )


def count_cores() -> int:
    """Physical cores: a second thread on a core slows the first more than it helps."""
    return psutil.cpu_count(logical=False) or 1
