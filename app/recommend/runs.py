"""How fast answers have been on this machine, and what estimates of speed learn from that.

After every answer what was read for each of its tokens, and how fast they came, are a row in the database: that is what
an estimate is made of, so it can be held against the answer whatever is known of the machine by then.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from statistics import median

from app.core.errors import EnvironmentFault
from app.gguf import ModelFacts
from app.recommend.budget import Budget
from app.recommend.need import need_of
from app.recommend.speed import Learned, Variant, Work, seconds_per_token, speed_from, variant_of, work_of
from app.runtime.protocol import GenerationStatistics, LoadSettings, ModelDescription
from app.storage.database import open_database, reading, transaction

FEWEST_TOKENS = 32
"""Of an answer to learn from; shorter ones are measured too coarsely."""

_RECENT = 40
_RECENT_OF_VARIANT = 5
_FEWEST = 3
"""Answers from which to learn about other models; one may have been odd."""
_LEAST_BYTES = 50_000_000
"""Read for a token: what is smaller waits for other things than for memory, and tells nothing about larger models."""
_MOST_CORRECTION = 5.0
"""Either way; beyond it something else was wrong than the estimate."""
_MOST_TOLD = 200


@dataclass(frozen=True)
class PastRuns:
    """`worst_error`, `median_error`: relative, of the estimate before each answer with what the answers before it had
    taught; 0.1 is 10 %."""

    count: int
    median_error: float
    worst_error: float


@dataclass(frozen=True)
class _Run:
    """`rate`: tokens per second."""

    variant: Variant
    work: Work
    rate: float


def remember_run(
    database: Path,
    facts: ModelFacts,
    settings: LoadSettings,
    description: ModelDescription,
    statistics: GenerationStatistics,
) -> None:
    """Writes down how fast an answer was, unless it was too short to tell. A database that cannot be written costs
    the lesson and not the answer."""
    if statistics.tokens < FEWEST_TOKENS or statistics.tokens_per_s <= 0:
        return
    if settings.expert_layers_in_memory:  # a variant tells layers apart, and not what of a layer is where
        return
    need = need_of(facts, settings)
    offloaded = sum(device != "CPU" for device in description.buffers.layer_devices)
    gpu_layers = min(offloaded, need.layers + 1)
    filled = statistics.prompt_tokens + statistics.tokens / 2
    cache_bytes = need.kv_bytes * min(filled / max(description.context_length, 1), 1.0)
    row = (
        time.time(),
        facts.path.name,
        facts.quantization,
        description.context_length,
        statistics.prompt_tokens,
        statistics.tokens,
        statistics.tokens_per_s,
        *variant_of(need, gpu_layers),
        *map(float, work_of(need, gpu_layers, cache_bytes)),
    )
    with suppress(EnvironmentFault), closing(open_database(database)) as connection, transaction(connection):
        connection.execute(
            "INSERT INTO runs (ran_at, model, quantization, context_length, prompt_tokens, tokens, tokens_per_s,"
            " weights_bytes, read_bytes, layers, gpu_layers, accelerator_bytes, processor_bytes,"
            f" accelerator_layers, expert_layers) VALUES ({', '.join('?' * len(row))})",
            row,
        )


def corrected(budget: Budget, database: Path) -> Budget:
    """`budget`, which is this machine's, with what its latest answers taught; as it was where there is no database."""
    return replace(budget, learned=_learned(_runs(database, _RECENT), budget))


def past_runs(database: Path, budget: Budget) -> PastRuns:
    """How far the latest answers were from what this machine's `budget` had told of them."""
    runs = _runs(database, _MOST_TOLD)
    errors = [
        abs(_told(run, _learned(runs[index + 1 : index + 1 + _RECENT], budget), budget) - run.rate) / run.rate
        for index, run in enumerate(runs)
    ]
    if not errors:
        return PastRuns(0, 0.0, 0.0)
    return PastRuns(len(errors), median(errors), max(errors))


def _learned(runs: Sequence[_Run], budget: Budget) -> Learned:
    """`runs`: the latest first."""
    ratios: dict[Variant, list[float]] = {}
    on_accelerator: set[Variant] = set()
    on_processor: set[Variant] = set()
    for run in runs:
        ratios.setdefault(run.variant, []).append(run.rate / _told(run, Learned(), budget))
        if run.work.accelerator_bytes + run.work.processor_bytes < _LEAST_BYTES:
            continue
        if not run.work.processor_bytes:
            on_accelerator.add(run.variant)
        elif not run.work.accelerator_bytes:
            on_processor.add(run.variant)
    return Learned(
        accelerator=_correction([ratios[variant] for variant in on_accelerator]),
        processor=_correction([ratios[variant] for variant in on_processor]),
        variants={variant: median(found[:_RECENT_OF_VARIANT]) for variant, found in ratios.items()},
    )


def _correction(ratios: Sequence[Sequence[float]]) -> float | None:
    """`ratios` of measured to estimated speeds, model by model: one that is always asked does not speak for all."""
    if sum(map(len, ratios)) < _FEWEST:
        return None
    typical = median(map(median, ratios))
    return min(max(typical, 1 / _MOST_CORRECTION), _MOST_CORRECTION)


def _told(run: _Run, learned: Learned, budget: Budget) -> float:
    """Tokens per second."""
    seconds = seconds_per_token(run.work, budget.accelerator_bytes_per_s, budget.memory_bytes_per_s)
    return speed_from(seconds, run.variant, learned).middle


def _runs(database: Path, most: int) -> list[_Run]:
    """The latest first."""
    if not database.exists():
        return []
    try:
        with closing(open_database(database)) as opened, reading(opened) as connection:
            found = connection.execute(
                "SELECT weights_bytes, read_bytes, layers, gpu_layers, accelerator_bytes, processor_bytes,"
                " accelerator_layers, expert_layers, tokens_per_s FROM runs ORDER BY id DESC LIMIT ?",
                (most,),
            ).fetchall()
    except EnvironmentFault:
        return []
    runs = [_Run(tuple(row[:4]), Work(*row[4:8]), row[8]) for row in found]
    return [run for run in runs if _is_possible(run)]


def _is_possible(run: _Run) -> bool:
    """A damaged row teaches nothing."""
    work = run.work
    return (
        all(isfinite(each) and each >= 0 for each in (*work, run.rate))
        and run.rate > 0
        and work.accelerator_bytes + work.processor_bytes > 0
    )
