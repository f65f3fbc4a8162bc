"""Which device computes what of a graph, and what each needs for that: ggml's scheduler, in the small.

A result that is made with a weight is computed where the weight is or, if that is main memory and the batch long, on
the first accelerator that takes it over, with a copy of the weight. What is between such results goes with its
neighbours, with accelerators rather than with the processor. All that one device computes in a row is a split; what
it needs from elsewhere is copied to it when the split begins.
Source: `ggml_backend_sched_split_graph` in `ggml-backend.cpp` of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.memory.compute.allocator import Graph, Outside, Tensor, aligned, highest_ends, result
from app.memory.compute.backends import Backend
from app.memory.placement import PROCESSOR

_COPIES_IN_PIPELINE = 4
"""So many batches are under way: inputs, and what goes from device to device, are kept for each."""


def split_bytes(graph: Graph, backends: Sequence[Backend], *, pipelined: bool) -> list[int]:
    """The size of the buffer on each device, the processor's first and then those of `backends`, in which the graph
    can be computed. To be asked once."""
    results = graph.results
    _assign(results, backends)
    _assign_given(graph.inputs, results)
    _enlarge(results, backends)
    splits = _Splits()
    for each in results:
        splits.add(each)
    splits.end()
    leaves, steps = graph.inputs, splits.steps
    if pipelined:
        leaves = [copy for each in (*leaves, *splits.copies) for copy in _copies(each)]
        arrived = set(splits.copies)
        steps = [step for step in steps if step not in arrived]
    for each in (*leaves, *steps):
        if each.device:
            each.size = aligned(each.size, backends[each.device - 1].alignment)
    return highest_ends(leaves, steps, 1 + len(backends))


def _assign(results: Sequence[Tensor], backends: Sequence[Backend]) -> None:
    for each in results:
        if each.device is None:
            each.device = _device_of_weights(each.outside, backends)
    backwards = results[::-1]
    _spread(results, from_processor=False)
    _spread(backwards, from_processor=False)
    _spread(results, from_processor=True)
    _spread(backwards, from_processor=True)


def _device_of_weights(outside: Iterable[Outside], backends: Sequence[Backend]) -> int | None:
    for weight in outside:
        if weight.kind != "weight":
            continue
        if weight.device == PROCESSOR:
            for device, backend in enumerate(backends, start=1):
                if 0 < backend.takes_over_from <= weight.rows:
                    return device
        return weight.device
    return None


def _spread(results: Iterable[Tensor], *, from_processor: bool) -> None:
    """Results without a device get that of the last one before them."""
    current: int | None = None
    for each in results:
        if each.device is None:
            each.device = current
        else:
            current = each.device if from_processor or each.device != PROCESSOR else None


def _assign_given(inputs: Iterable[Tensor], results: Iterable[Tensor]) -> None:
    """Inputs are in main memory; what else is given is where it is read first."""
    floating = {each for each in inputs if each.device is None}
    for each in results:
        for source in each.sources:
            if source in floating and source.device is None:
                source.device = each.device


def _enlarge(results: Iterable[Tensor], backends: Sequence[Backend]) -> None:
    """By what accelerators take for their own ways to compute."""
    for each in results:
        if not each.device:
            continue
        backend = backends[each.device - 1]
        if backend.widens_caches:
            each.size += sum(outside.widened_bytes for outside in each.outside)
        if backend.fuses_experts:
            each.sources += each.fused
            for source in each.fused:
                source.readers += 1


class _Splits:
    """`steps`: what is computed or copied, in order; `copies`: those of it that are copies."""

    def __init__(self) -> None:
        self.steps: list[Tensor] = []
        self.copies: list[Tensor] = []
        self._made: dict[tuple[Tensor | Outside, int], Tensor] = {}
        self._device = -1
        self._arrivals: list[Tensor] = []
        self._results: list[Tensor] = []

    def add(self, each: Tensor) -> None:
        device = each.device or PROCESSOR
        foreign = [outside for outside in each.outside if outside.device != device]
        brings_weights = any(outside.kind != "cache" for outside in foreign)
        if device != self._device or (self._arrivals and brings_weights):
            self.end()
            self._device = device
        weights = [self._copy_of(outside, device) for outside in foreign]
        for weight in weights:
            weight.readers += 1
        local = {source: self._local(source, device) for source in each.sources}
        each.sources = (*weights, *[local[source] for source in each.sources])
        each.reuses = tuple([local[operand] for operand in each.reuses])
        self._results.append(each)

    def end(self) -> None:
        self.steps += self._arrivals
        self.steps += self._results
        self._arrivals, self._results = [], []

    def _local(self, source: Tensor, device: int) -> Tensor:
        """What a result on `device` reads instead of `source`."""
        if source.device == device or not source.size:
            return source
        copy = self._copy_of(source, device)
        source.readers -= 1
        copy.readers += 1
        return copy

    def _copy_of(self, original: Tensor | Outside, device: int) -> Tensor:
        """Before it is made, the original keeps its place."""
        copy = self._made.get((original, device))
        if copy is None:
            copy = self._made[original, device] = Tensor(original.size)
            copy.device = device
            if isinstance(original, Tensor):
                original.readers += 1
                self._arrivals.append(result(0, original))
            self._arrivals.append(copy)
            self.copies.append(copy)
        return copy


def _copies(kept: Tensor) -> list[Tensor]:
    """As many as there are batches under way, in places that nothing else gets."""
    kept.readers += 1
    others = [Tensor(kept.size) for _ in range(_COPIES_IN_PIPELINE - 1)]
    for other in others:
        other.device = kept.device
    return [kept, *others]
