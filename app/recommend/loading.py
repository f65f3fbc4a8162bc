"""Loading as recommended: before a load, where its layers and experts go on this computer as it is now.

The same for whoever loads: Chat, Compare and the command line. Without accelerators there is nothing to choose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest
from math import ceil
from pathlib import Path

import msgspec

from app.core.errors import TooLittleMemory
from app.core.jobs import CancelToken
from app.hardware import Accelerator
from app.memory import Held, Keeper, Load, LoadPlan
from app.memory.keeper import Owner, Situation
from app.memory.placement import chosen_devices, require_devices, used_together
from app.memory.plan import MAIN_MEMORY, Room
from app.recommend.balance import balanced
from app.recommend.budget import Budget, budget_of
from app.recommend.fit import MARGIN_BYTES, Fit, fit
from app.recommend.need import Need, need_of
from app.recommend.runs import corrected
from app.runtime import LoadedModel


def plan_recommended(
    keeper: Keeper, title: str, loads: Sequence[Load], keeping: Owner | None = None
) -> LoadPlan:
    """The plan for `loads`, each placed as a person chose or as it is recommended alone, all unloaded that may go.

    So a model runs in the same place whatever is idle beside it, and those that have no room together take turns.
    `title`, `keeping` as for `Keeper.situation`. Some ten milliseconds for each load where there are accelerators.
    Raises WrongChoice for devices that are not there.
    """
    now = keeper.situation(title, keeping)
    accelerators = used_together(now.machine.accelerators)
    for load in loads:
        require_devices(load.settings.devices, accelerators)
    if accelerators:
        loads = [replace(placed_in(load, now, keeper.database), accelerators=accelerators) for load in loads]
    return now.plan(loads)


def placed_in(load: Load, now: Situation, database: Path) -> Load:
    """`load` as a person chose, or as it is recommended with all unloaded that may go."""
    accelerators = used_together(now.machine.accelerators)
    if not accelerators:
        return load
    load = replace(load, accelerators=_with_given_back(accelerators, now.may_go))
    if load.is_placed:
        return replace(load, settings=balanced(load, need_of(load.facts, load.settings)))
    return placed(load, budget_for(load, now, database), now.plan_alone)


def budget_for(load: Load, now: Situation, database: Path) -> Budget:
    """What it may take on the devices that were chosen for it, or on all, with what answers on this machine taught."""
    usable = used_together(now.machine.accelerators)
    chosen = chosen_devices(load.settings.devices, usable)
    rest = tuple(each for each in now.machine.accelerators if each not in usable)
    machine = replace(now.machine, accelerators=(*chosen, *rest))
    return corrected(budget_of(machine, now.may_go), database)


def placed(load: Load, budget: Budget, plan_alone: Callable[[Load], LoadPlan]) -> Load:
    """`load` with the layers and experts where `fit` has them, or, as a plan knows each tensor and each accelerator
    and `fit` only their sums, with so much less on accelerators that the plan has room. Where experts stay in main
    memory, these are of the fewest layers with which it has, and the layers shared out so that the load's accelerators
    are equally full."""
    need = need_of(load.facts, load.settings)

    def lack_of(chosen: Load) -> Room | None:
        """On accelerators."""
        lack = plan_alone(chosen).lack
        return lack.room if lack is not None and lack.room.device != MAIN_MEMORY else None

    while True:
        place = fit(need, budget)
        if place.experts_in_memory:
            chosen, lack = _with_fewest_experts(load, need, place, lack_of)
        else:
            chosen = _with_layers(load, place.gpu_layers, 0)
            lack = lack_of(chosen)
        if lack is None:
            return chosen
        if not place.gpu_layers:
            return _on_processor(load)
        less = max(place.accelerator_bytes - lack.missing_bytes, 0)
        budget = replace(budget, accelerator_bytes=less)


def _with_given_back(accelerators: Sequence[Accelerator], leaving: Sequence[Held]) -> tuple[Accelerator, ...]:
    freed = [sum(sizes) for sizes in zip_longest(*(each.accelerator_bytes for each in leaving), fillvalue=0)]
    return tuple(
        replace(each, free_bytes=min(each.free_bytes + size, each.total_bytes))
        for each, size in zip(accelerators, [*freed, *[0] * len(accelerators)], strict=False)
    )


def _with_fewest_experts(
    load: Load, need: Need, place: Fit, lack_of: Callable[[Load], Room | None]
) -> tuple[Load, Room | None]:
    """With experts of about as many layers in main memory as in `place`; none fewer than one, since what llama.cpp
    reserves is another then. And what is lacking even with those of all layers there."""

    def with_experts(count: int) -> tuple[Load, Room | None]:
        made = _with_layers(load, place.gpu_layers, count)
        made = replace(made, settings=balanced(made, need))
        return made, lack_of(made)

    count = place.expert_layers_in_memory
    chosen, lack = with_experts(count)
    while lack is not None and count < need.layers:
        count += 1
        chosen, lack = with_experts(count)
    while lack is None and count > 1:
        count -= 1
        fewer, lacking = with_experts(count)
        if lacking is not None:
            break
        chosen = fewer
    return chosen, lack


def load_recommended(
    keeper: Keeper, load: Load, cancel: CancelToken, on_progress: Callable[[float], None]
) -> tuple[Load, LoadedModel]:
    """Loads what `plan_recommended` has placed and made room for, and tells how. Where accelerators turn out to have
    less room than they said, once more with fewer layers on them.

    Raises what `LoadedModel.load` raises.
    """
    try:
        return load, LoadedModel.load(
            load.facts.path, load.settings, cancel, on_progress, keeper.start_worker
        )
    except TooLittleMemory:
        if not load.accelerators or load.is_placed or load.settings.processor_only:
            raise
    load = _with_margin(load)
    keeper.make_room(keeper.situation().plan([load]))
    return load, LoadedModel.load(load.facts.path, load.settings, cancel, on_progress, keeper.start_worker)


def _with_margin(load: Load) -> Load:
    """With experts of so many layers more in main memory that a margin stays free on accelerators, or so many layers
    fewer there; without these where that are all."""
    need = need_of(load.facts, load.settings)
    experts = load.settings.expert_layers_in_memory
    if 0 < experts < need.layers:
        more = ceil(MARGIN_BYTES * need.expert_layers / need.expert_bytes)
        return _with_layers(load, load.settings.gpu_layers, min(experts + more, need.layers))
    staying = need.expert_bytes // need.layers if experts else 0
    layer_bytes = need.layer_bytes - staying + need.kv_bytes // need.layers
    layers = load.settings.gpu_layers - ceil(MARGIN_BYTES / max(layer_bytes, 1))
    # The output alone is not worth an accelerator's working space.
    if layers <= 1:
        return _on_processor(load)
    return _with_layers(load, layers, experts)


def _on_processor(load: Load) -> Load:
    settings = msgspec.structs.replace(_with_layers(load, 0, 0).settings, processor_only=True)
    return replace(load, settings=settings)


def _with_layers(load: Load, gpu_layers: int, expert_layers_in_memory: int) -> Load:
    settings = msgspec.structs.replace(
        load.settings, gpu_layers=gpu_layers, expert_layers_in_memory=expert_layers_in_memory
    )
    return replace(load, settings=settings)
