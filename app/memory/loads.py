"""How good the predictions have been on this machine, and what they learn from that.

After every load, what was predicted and what came of it are a row in the database.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from app.core.errors import EnvironmentFault
from app.gguf import ModelFacts
from app.hardware import Accelerator
from app.memory.estimate import estimate
from app.memory.held import allocated_on
from app.memory.overhead import WORKER_BYTES
from app.memory.placement import place_of
from app.runtime.protocol import BufferSize, LoadSettings, ModelDescription
from app.storage.database import open_database, reading, transaction

_RECENT = 20
_FEWEST = 3
"""Loads from which to learn; one may have been odd."""
_MOST_OVERHEAD_BYTES = 1_000_000_000


@dataclass(frozen=True)
class PastLoads:
    """`worst_error`, `median_error`: relative, of all memory in use; 0.013 is 1.3 %."""

    count: int
    median_error: float
    worst_error: float


def remember_load(
    database: Path,
    facts: ModelFacts,
    settings: LoadSettings,
    description: ModelDescription,
    accelerators: Sequence[Accelerator] = (),
    load_s: float | None = None,
) -> None:
    """Writes down what was predicted for a load and what it really took, on all devices. A database that cannot be
    written costs the lesson and not the load.

    `accelerators`: those `settings` were chosen for. `load_s`: seconds from the start of its process.
    """
    told = estimate(facts, settings, accelerators)
    buffers = description.buffers
    weights = sum(device.weights_bytes for device in told.devices if device.name == "CPU")
    cache = buffers.cache_bytes - _on(accelerators, (*buffers.kv_cache, *buffers.recurrent_state))
    working = buffers.working_bytes - _on(accelerators, (*buffers.compute, *buffers.output))
    beside = _beside_accelerators(description, accelerators, weights)
    row = (
        time.time(),
        facts.path.name,
        facts.quantization,
        told.context_length,
        told.total_bytes + worker_bytes(database),
        told.kv_bytes,
        told.compute_bytes,
        # Right after loading the process has written to next to nothing of its working space.
        beside + working + sum(allocated_on(buffers, accelerators)),
        buffers.cache_bytes,
        buffers.working_bytes,
        beside - weights - cache,
        os.fsencode(facts.path.absolute()),
        load_s,
    )
    with suppress(EnvironmentFault), closing(open_database(database)) as connection, transaction(connection):
        connection.execute(
            "INSERT INTO loads (loaded_at, model, quantization, context_length, predicted_bytes,"
            " predicted_kv_bytes, predicted_compute_bytes, real_bytes, real_kv_bytes, real_compute_bytes,"
            f" real_worker_bytes, path, load_s) VALUES ({', '.join('?' * len(row))})",
            row,
        )


def _beside_accelerators(
    description: ModelDescription, accelerators: Sequence[Accelerator], weights_bytes: int
) -> int:
    """The process's memory without what accelerators have of it; `weights_bytes` of weights are to be there."""
    sizes = zip(allocated_on(description.buffers, accelerators), accelerators, strict=True)
    shared = sum(size for size, each in sizes if each.integrated)
    # What lies between the processor's weights in the file stays mapped, though it is on a card.
    mapped = sum(each.size_bytes or 0 for each in description.buffers.weights if each.buffer == "CPU_Mapped")
    copies = max(mapped - weights_bytes, 0) if any(not each.integrated for each in accelerators) else 0
    return description.memory_bytes - shared - copies


def _on(accelerators: Sequence[Accelerator], buffers: Sequence[BufferSize]) -> int:
    """What is on any of `accelerators`, in bytes."""
    return sum(each.size_bytes or 0 for each in buffers if place_of(each.buffer, accelerators) is not None)


def past_loads(database: Path) -> PastLoads:
    """All loads that are written down; none where there is no database."""
    errors = [abs(predicted - real) / real for predicted, real, _ in _rows(database) if real > 0]
    if not errors:
        return PastLoads(0, 0.0, 0.0)
    return PastLoads(len(errors), median(errors), max(errors))


def last_loads(database: Path) -> dict[str, float]:
    """When each file was loaded last, in seconds since 1970; none where there is no database."""
    if not database.exists():
        return {}
    try:
        with closing(open_database(database)) as opened, reading(opened) as connection:
            rows = connection.execute(
                "SELECT path, MAX(loaded_at) AS loaded_at FROM loads WHERE path IS NOT NULL GROUP BY path"
            ).fetchall()
    except EnvironmentFault:
        return {}
    return {os.fsdecode(row["path"]): row["loaded_at"] for row in rows}


def expected_load_s(database: Path, path: Path) -> float | None:
    """How many seconds a file will take to load, as it did the last times; None where it never was or nobody knows."""
    if not database.exists():
        return None
    try:
        with closing(open_database(database)) as opened, reading(opened) as connection:
            rows = connection.execute(
                "SELECT load_s FROM loads WHERE path = ? AND load_s > 0 ORDER BY id DESC LIMIT ?",
                (os.fsencode(path.absolute()), _FEWEST),
            ).fetchall()
    except EnvironmentFault:
        return None
    return median(row["load_s"] for row in rows) if rows else None


def worker_bytes(database: Path) -> int:
    """What a worker process takes besides its model: as in the last loads on this machine, or `WORKER_BYTES`."""
    found = [worker for _, _, worker in _rows(database, _RECENT)]
    if len(found) < _FEWEST:
        return WORKER_BYTES
    return min(max(int(median(found)), 0), _MOST_OVERHEAD_BYTES)


def _rows(database: Path, most: int = -1) -> list[tuple[int, int, int]]:
    """Predicted and real bytes in all, and those of the worker itself, the latest first; all of them below zero."""
    if not database.exists():
        return []
    try:
        with closing(open_database(database)) as opened, reading(opened) as connection:
            found = connection.execute(
                "SELECT predicted_bytes, real_bytes, real_worker_bytes FROM loads ORDER BY id DESC LIMIT ?",
                (most,),
            ).fetchall()
    except EnvironmentFault:
        return []
    return [tuple(row) for row in found]
