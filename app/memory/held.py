"""Held: what models that are loaded take now, and so what unloading them gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import psutil

from app.hardware import Accelerator
from app.memory.overhead import backend_overhead
from app.memory.placement import place_of, used_together
from app.runtime import LoadedModel
from app.runtime.protocol import MemoryBuffers

_SECOND_COPIES = ("CPU_REPACK", "AMX")


def _cannot_be_unloaded() -> bool:
    return False


@dataclass(frozen=True)
class Held:
    """Models of one owner. `title` names them in a sentence ("Chat's model"), `models` each by name.

    `memory_bytes`: of main memory, each weight once. `mapped_bytes`: of these, pages of a file that the system counts
    as available although they are in use. `accelerator_bytes`: beside those, by index among the accelerators that
    are used. `is_busy`: they are at work. `unload` ends them, and returns False where they are busy.
    """

    title: str
    models: tuple[str, ...]
    memory_bytes: int
    mapped_bytes: int = 0
    accelerator_bytes: tuple[int, ...] = ()
    is_busy: bool = False
    unload: Callable[[], bool] = field(default=_cannot_be_unloaded, compare=False, repr=False)

    @property
    def freed_bytes(self) -> int:
        """What the system will show as available in addition."""
        return max(self.memory_bytes - self.mapped_bytes, 0)

    @property
    def total_bytes(self) -> int:
        return self.memory_bytes + sum(self.accelerator_bytes)


@dataclass(frozen=True)
class _Taken:
    memory_bytes: int
    mapped_bytes: int
    accelerator_bytes: tuple[int, ...]


def held_by(
    title: str,
    models: Iterable[tuple[str, LoadedModel]],
    accelerators: Sequence[Accelerator],
    *,
    is_busy: bool,
    unload: Callable[[], bool],
) -> Held | None:
    """What the workers of these models have in use now; None where none of them is alive."""
    names: list[str] = []
    taken: list[_Taken] = []
    for name, model in models:
        if (one := _taken_by(model, used_together(accelerators))) is not None:
            names.append(name)
            taken.append(one)
    if not taken:
        return None
    return Held(
        title,
        tuple(names),
        sum(one.memory_bytes for one in taken),
        sum(one.mapped_bytes for one in taken),
        tuple(map(sum, zip(*(one.accelerator_bytes for one in taken), strict=True))),
        is_busy,
        unload,
    )


def _taken_by(model: LoadedModel, accelerators: Sequence[Accelerator]) -> _Taken | None:
    try:
        process = psutil.Process(model.worker_pid).memory_info()
    except psutil.Error:
        return None
    buffers = model.description.buffers
    on_accelerators = bytes_on_accelerators(buffers, accelerators)
    copied = sum(each.size_bytes or 0 for each in buffers.weights if each.buffer in _SECOND_COPIES)
    elsewhere = sum(
        count for count, each in zip(on_accelerators, accelerators, strict=True) if each.integrated
    )
    in_memory = max(process.rss - copied - elsewhere, 0)
    # Only Linux tells which pages belong to a file, and only Linux counts those as available.
    own = process.rss - elsewhere - getattr(process, "shared", 0)
    return _Taken(in_memory, max(in_memory - max(own, 0), 0), on_accelerators)


def bytes_on_accelerators(buffers: MemoryBuffers, accelerators: Sequence[Accelerator]) -> tuple[int, ...]:
    """What the runtime says it allocated on each, with what its driver takes besides."""
    return tuple(
        size + backend_overhead(each.backend) if size else 0
        for size, each in zip(allocated_on(buffers, accelerators), accelerators, strict=True)
    )


def allocated_on(buffers: MemoryBuffers, accelerators: Sequence[Accelerator]) -> list[int]:
    """What the runtime says it allocated on each; on one that is not there any more counts nowhere."""
    sizes = [0] * len(accelerators)
    groups = (buffers.weights, buffers.kv_cache, buffers.recurrent_state, buffers.output, buffers.compute)
    for each in (one for group in groups for one in group):
        place = place_of(each.buffer, accelerators)
        if place is not None:
            sizes[place] += each.size_bytes or 0
    return sizes
