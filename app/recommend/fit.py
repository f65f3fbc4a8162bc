"""Fit: where a variant goes on a machine, and the verdict in a word."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.recommend.budget import Budget
from app.recommend.need import Need
from app.recommend.speed import Speed, estimate_speed

MARGIN_BYTES = 400_000_000
"""What should stay free: a browser tab more, and the estimate is still right."""

SLOW_TOKENS_PER_S = 4.0
"""Slower than people read."""

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

    `free_bytes`: what stays free where the model mostly is; below zero, what is missing.
    """

    verdict: Verdict
    gpu_layers: int
    accelerator_bytes: int
    memory_bytes: int
    free_bytes: int
    speed: Speed


def fit(need: Need, budget: Budget, correction: float = 1.0) -> Fit:
    """The best place for `need`: all of it on the accelerators, else as many layers as fit, else none."""
    whole = need.layers * need.layer_bytes + need.output_bytes + need.kv_bytes + need.compute_bytes
    free = budget.accelerator_bytes - whole
    in_memory = need.embedding_bytes + (whole if budget.is_shared else 0)
    if budget.accelerator_bytes and free >= 0 and in_memory <= budget.memory_bytes:
        verdict = Verdict.FITS if free >= MARGIN_BYTES else Verdict.TIGHT
        return _placed(need, budget, need.layers + 1, verdict, free, correction)
    layers = _layers_that_fit(need, budget)
    in_memory = _memory_bytes(need, layers) + (_accelerator_bytes(need, layers) if budget.is_shared else 0)
    free = budget.memory_bytes - in_memory
    if free < 0:
        return _placed(need, budget, layers, Verdict.TOO_BIG, free, correction)
    return _placed(need, budget, layers, Verdict.SPLIT if layers else Verdict.PROCESSOR, free, correction)


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


def _placed(
    need: Need, budget: Budget, gpu_layers: int, verdict: Verdict, free_bytes: int, correction: float
) -> Fit:
    share = max(gpu_layers - 1, 0) / need.layers
    in_layers = need.read_bytes - need.output_bytes + need.kv_bytes * _CACHE_FILL
    on_accelerator = in_layers * share + (need.output_bytes if gpu_layers else 0)
    in_memory = in_layers * (1 - share) + (0 if gpu_layers else need.output_bytes)
    speed = estimate_speed(
        on_accelerator,
        in_memory,
        need.layers,
        budget.accelerator_bytes_per_s,
        budget.memory_bytes_per_s,
        correction,
    )
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
