"""Outlook: how a model would be loaded on this computer now, with what a person chose and as it is recommended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

from app.gguf import ModelFacts
from app.hardware import Accelerator
from app.memory import Keeper, Load
from app.memory.placement import is_expert, require_devices, used_together
from app.recommend.budget import Budget
from app.recommend.choices import LoadChoices, wanted_load
from app.recommend.fit import Fit, fit, fit_with
from app.recommend.loading import budget_for, placed_in
from app.recommend.need import Need, need_of
from app.runtime.protocol import LoadSettings


@dataclass(frozen=True)
class Outlook:
    """`settings`: with the choices; `recommended`: without any. `lack`: why it would not be loaded, or nothing.

    `layers`: with the output; `accelerators`: those there are to choose from; `cores`: of the processor.
    """

    facts: ModelFacts
    settings: LoadSettings
    recommended: LoadSettings
    need: Need
    fit: Fit
    budget: Budget
    lack: str
    layers: int
    has_experts: bool
    accelerators: tuple[Accelerator, ...]
    cores: int


def outlook_of(
    keeper: Keeper, title: str, facts: ModelFacts, choices: LoadChoices, database: Path
) -> Outlook:
    """For who loads under `title` (as for `Keeper.situation`), with all unloaded that may go.

    Some ten milliseconds. Raises what `wanted_load` raises, and WrongChoice for devices that are not there.
    """
    now = keeper.situation(title)
    accelerators = used_together(now.machine.accelerators)
    require_devices(choices.devices, accelerators)
    recommended = placed_in(wanted_load(facts, LoadChoices()), now, database)
    load = placed_in(wanted_load(facts, choices), now, database)
    budget = budget_for(load, now, database)
    need = need_of(load.facts, load.settings)
    plan = now.plan_alone(load)
    return Outlook(
        facts,
        load.settings,
        recommended.settings,
        need,
        _fit_of(load, need, budget),
        budget,
        plan.sentence if plan.lack is not None else "",
        need.layers + 1,
        any(is_expert(tensor.name) for tensor in facts.tensors),
        accelerators,
        psutil.cpu_count(logical=False) or 1,
    )


def _fit_of(load: Load, need: Need, budget: Budget) -> Fit:
    if not load.is_placed or not budget.accelerator_bytes:
        return fit(need, budget)
    layers = need.layers + 1 if load.settings.gpu_layers < 0 else load.settings.gpu_layers
    return fit_with(need, budget, layers, expert_layers_in_memory=load.settings.expert_layers_in_memory)
