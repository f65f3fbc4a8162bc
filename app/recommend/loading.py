"""Loading as recommended: before a load, where its layers and experts go on this computer as it is now.

The same for whoever loads: Chat, Compare and the command line. Without accelerators there is nothing to choose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil

import msgspec

from app.core.errors import TooLittleMemory
from app.core.jobs import CancelToken
from app.memory import Keeper, Load, LoadPlan
from app.memory.keeper import Owner
from app.memory.placement import used_together
from app.memory.plan import MAIN_MEMORY
from app.recommend.budget import Budget, budget_of
from app.recommend.fit import MARGIN_BYTES, fit
from app.recommend.need import need_of
from app.recommend.runs import corrected
from app.runtime import LoadedModel


def plan_recommended(
    keeper: Keeper, title: str, loads: Sequence[Load], keeping: Owner | None = None
) -> LoadPlan:
    """The plan for `loads`, each placed as a person chose or as it is recommended alone, all unloaded that may go.

    So a model runs in the same place whatever is idle beside it, and those that have no room together take turns.
    `title`, `keeping` as for `Keeper.situation`. Some ten milliseconds for each load where there are accelerators.
    """
    now = keeper.situation(title, keeping)
    accelerators = used_together(now.machine.accelerators)
    if accelerators:
        budget = corrected(budget_of(now.machine, now.may_go), keeper.database)
        loads = [
            replace(
                load if load.is_placed else placed(load, budget, now.plan_alone), accelerators=accelerators
            )
            for load in loads
        ]
    return now.plan(loads)


def placed(load: Load, budget: Budget, plan_alone: Callable[[Load], LoadPlan]) -> Load:
    """`load` with the layers and experts where `fit` has them, or, as a plan knows each tensor and each accelerator
    and `fit` only their sums, with so much less on accelerators that the plan has room."""
    need = need_of(load.facts, load.settings)
    while True:
        place = fit(need, budget)
        chosen = _with_layers(load, place.gpu_layers, experts_on_processor=place.experts_in_memory)
        lack = plan_alone(chosen).lack
        if lack is None or lack.room.device == MAIN_MEMORY:
            return chosen
        if not place.gpu_layers:
            return _on_processor(load)
        less = max(place.accelerator_bytes - lack.room.missing_bytes, 0)
        budget = replace(budget, accelerator_bytes=less)


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
    """With so many layers fewer on accelerators that a margin stays free there; without these where that are all."""
    need = need_of(load.facts, load.settings)
    staying = need.expert_bytes // need.layers if load.settings.experts_on_processor else 0
    layer_bytes = need.layer_bytes - staying + need.kv_bytes // need.layers
    layers = load.settings.gpu_layers - ceil(MARGIN_BYTES / max(layer_bytes, 1))
    # The output alone is not worth an accelerator's working space.
    if layers <= 1:
        return _on_processor(load)
    return _with_layers(load, layers, experts_on_processor=load.settings.experts_on_processor)


def _on_processor(load: Load) -> Load:
    settings = msgspec.structs.replace(
        _with_layers(load, 0, experts_on_processor=False).settings, processor_only=True
    )
    return replace(load, settings=settings)


def _with_layers(load: Load, gpu_layers: int, *, experts_on_processor: bool) -> Load:
    settings = msgspec.structs.replace(
        load.settings, gpu_layers=gpu_layers, experts_on_processor=experts_on_processor
    )
    return replace(load, settings=settings)
