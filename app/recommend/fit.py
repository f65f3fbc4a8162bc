"""Fit: where a variant goes on a machine, and the verdict in a word."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from app.recommend.budget import Budget
from app.recommend.need import Need
from app.recommend.speed import Speed, seconds_per_token, speed_from, variant_of, work_of

MARGIN_BYTES = 400_000_000
"""What should stay free: a browser tab more, and the estimate is still right."""

SLOW_TOKENS_PER_S = 4.0
"""Slower than people read."""

_TENSORS_OF_EXPERTS = 3
"""Of a layer: up, gate and down, about equally large."""

_CACHE_FILL = 0.25
"""How full the context is when the speed is told."""


class Verdict(StrEnum):
    """From best to worst."""

    FITS = "fits the GPU"
    TIGHT = "fits, tight"
    SPLIT = "GPU + memory"
    PROCESSOR = "processor only"
    SLOW = "slow"
    TOO_BIG = "too big"


@dataclass(frozen=True, slots=True)
class Fit:
    """`gpu_layers` counts the output as one; bytes in use on the accelerators and in main memory.

    `free_bytes`: what stays free where the model mostly is; below zero, what is missing. `expert_layers_in_memory`: the
    weights of experts of so many layers, from the first, are in main memory, whatever is on the accelerators besides.
    """

    verdict: Verdict
    gpu_layers: int
    accelerator_bytes: int
    memory_bytes: int
    free_bytes: int
    speed: Speed
    expert_layers_in_memory: int = 0

    @property
    def experts_in_memory(self) -> bool:
        return self.expert_layers_in_memory > 0


def fit(need: Need, budget: Budget) -> Fit:
    """The best place for `need`: all of it on the accelerators, else all but the experts of as few layers as will do,
    or as many layers as fit, whichever is faster, else nothing."""
    whole = _accelerator_bytes(need, need.layers + 1)
    free = budget.accelerator_bytes - whole
    in_memory = need.embedding_bytes + (whole if budget.is_shared else 0)
    if budget.accelerator_bytes and free >= 0 and in_memory <= budget.memory_bytes:
        verdict = Verdict.FITS if free >= MARGIN_BYTES else Verdict.TIGHT
        return _placed(need, budget, need.layers + 1, verdict, free)
    by_layers = _by_layers(need, budget)
    with_experts_in_memory = _with_experts_in_memory(need, budget, whole)
    if with_experts_in_memory is None or (
        by_layers.free_bytes >= 0 and by_layers.speed.middle >= with_experts_in_memory.speed.middle
    ):
        return by_layers
    return with_experts_in_memory


def fit_with(need: Need, budget: Budget, gpu_layers: int, *, expert_layers_in_memory: int = 0) -> Fit:
    """`need` where a person put it: so many layers on the accelerators, the output counted as one."""
    gpu_layers = min(gpu_layers, need.layers + 1)
    apart = need.expert_layers_apart(gpu_layers, expert_layers_in_memory)
    moved = need.expert_bytes * apart // max(need.expert_layers, 1)
    on_accelerators = _accelerator_bytes(need, gpu_layers) - moved
    in_memory = _memory_bytes(need, gpu_layers) + moved
    free_here = budget.memory_bytes - in_memory - (on_accelerators if budget.is_shared else 0)
    free_there = budget.accelerator_bytes - on_accelerators if gpu_layers else free_here
    whole = gpu_layers > need.layers and not moved
    least = min(free_here, free_there)
    free = least if least < 0 else free_there if whole else free_here
    speed = speed_with(need, budget, gpu_layers, expert_layers_in_memory=expert_layers_in_memory)
    if free < 0:
        verdict = Verdict.TOO_BIG
    elif whole:
        verdict = Verdict.FITS if free >= MARGIN_BYTES else Verdict.TIGHT
    elif speed.high < SLOW_TOKENS_PER_S:
        verdict = Verdict.SLOW
    else:
        verdict = Verdict.SPLIT if gpu_layers else Verdict.PROCESSOR
    in_blocks = expert_layers_in_memory if expert_layers_in_memory >= 0 else need.layers
    return Fit(verdict, gpu_layers, on_accelerators, in_memory, free, speed, in_blocks if moved else 0)


def _by_layers(need: Need, budget: Budget) -> Fit:
    layers = _layers_that_fit(need, budget)
    in_memory = _memory_bytes(need, layers) + (_accelerator_bytes(need, layers) if budget.is_shared else 0)
    free = budget.memory_bytes - in_memory
    if free < 0:
        return _placed(need, budget, layers, Verdict.TOO_BIG, free)
    return _placed(need, budget, layers, Verdict.SPLIT if layers else Verdict.PROCESSOR, free)


def _with_experts_in_memory(need: Need, budget: Budget, whole_bytes: int) -> Fit | None:
    """All layers on the accelerators but the weights of experts, of as few layers as make room; None where that is no
    choice or not enough.

    Of a long prompt's many tokens the accelerators see all experts, so there is room for a copy of one tensor of them.
    Most of a layer's work on a token is left to the accelerators, while few experts of many are read in main memory.
    """
    if not need.expert_bytes or not budget.accelerator_bytes or budget.is_shared:
        return None
    of_layer = need.expert_bytes / need.expert_layers
    on_accelerator = whole_bytes + int(of_layer / _TENSORS_OF_EXPERTS)
    layers = max(ceil((on_accelerator - budget.accelerator_bytes) / of_layer), 1)
    moved = int(layers * of_layer)
    free = budget.memory_bytes - moved - need.embedding_bytes
    if layers > need.expert_layers or free < 0:
        return None
    in_blocks = need.plain_layers + layers
    speed = speed_with(need, budget, need.layers + 1, expert_layers_in_memory=in_blocks)
    return Fit(
        Verdict.SLOW if speed.high < SLOW_TOKENS_PER_S else Verdict.SPLIT,
        need.layers + 1,
        on_accelerator - moved,
        moved + need.embedding_bytes,
        free,
        speed,
        in_blocks,
    )


def speed_with(need: Need, budget: Budget, gpu_layers: int, *, expert_layers_in_memory: int = 0) -> Speed:
    """With so many layers on the accelerators, the output counted as one, and a context that is a quarter full."""
    gpu_layers = min(gpu_layers, need.layers + 1)
    apart = need.expert_layers_apart(gpu_layers, expert_layers_in_memory)
    work = work_of(need, gpu_layers, need.kv_bytes * _CACHE_FILL, experts_apart=apart)
    seconds = seconds_per_token(work, budget.accelerator_bytes_per_s, budget.memory_bytes_per_s)
    return speed_from(seconds, None if apart else variant_of(need, gpu_layers), budget.learned)


def _layers_that_fit(need: Need, budget: Budget) -> int:
    """Layers are offloaded from the end, the output first; the working space is there with the first."""
    room = budget.accelerator_bytes - need.compute_bytes - need.output_bytes
    each = need.layer_bytes + need.kv_bytes // need.layers
    if not budget.accelerator_bytes or room < each:
        return 0
    return min(room // each if each else need.layers, need.layers) + 1


def _accelerator_bytes(need: Need, gpu_layers: int) -> int:
    if not gpu_layers:
        return 0
    each = need.layer_bytes + need.kv_bytes // need.layers
    return (gpu_layers - 1) * each + need.output_bytes + need.compute_bytes


def _memory_bytes(need: Need, gpu_layers: int) -> int:
    if not gpu_layers:
        return need.total_bytes
    staying = need.layers + 1 - gpu_layers
    return staying * (need.layer_bytes + need.kv_bytes // need.layers) + need.embedding_bytes


def _placed(need: Need, budget: Budget, gpu_layers: int, verdict: Verdict, free_bytes: int) -> Fit:
    speed = speed_with(need, budget, gpu_layers)
    if verdict in (Verdict.SPLIT, Verdict.PROCESSOR) and speed.high < SLOW_TOKENS_PER_S:
        verdict = Verdict.SLOW
    return Fit(
        verdict,
        gpu_layers,
        _accelerator_bytes(need, gpu_layers),
        _memory_bytes(need, gpu_layers),
        free_bytes,
        speed,
    )
