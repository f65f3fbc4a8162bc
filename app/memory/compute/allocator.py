"""How much memory a compute graph needs: ggml's graph and its allocator, in the small.

A result is computed after all that it is computed from, operand by operand, when it is asked for or needed.
Results get their places in that order; a place is free again when the last result that reads it is done, and
the smallest free place that is large enough is taken. What is needed is the highest end of any place.
Source: `ggml_build_forward_expand` in `ggml.c` of llama.cpp, and `ggml-alloc.c` (order of allocation, best
fit, results that take the place of an operand).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

ALIGNMENT = 64
"""Bytes that a place begins at a multiple of, on the processor."""


def aligned(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


@dataclass(frozen=True, eq=False, slots=True)
class Outside:
    """What results are made of that has its place outside of the graph, on `device`.

    A weight, by which so many `rows` are multiplied; "factors", weights too small to have a say in where that is
    done; or a cache. `widened_bytes`: what it would take in F16, where it is in fewer bits.
    """

    size: int
    device: int
    kind: Literal["weight", "factors", "cache"]
    rows: int = 0
    widened_bytes: int = 0


class Tensor:
    """One result, or what is `given` from outside. `reuses`: operands in whose place it may be written.

    Where several devices compute: the `device` that it has to be on, what of `outside` it is made of, and what is
    kept for it where a device computes all from `fused` to it at once.
    """

    __slots__ = (
        "device",
        "fused",
        "given",
        "offset",
        "outside",
        "readers",
        "reuses",
        "scheduled",
        "size",
        "sources",
        "view_of",
    )

    def __init__(
        self,
        size: int,
        sources: tuple[Tensor, ...] = (),
        reuses: tuple[Tensor, ...] = (),
        *,
        given: bool = False,
    ) -> None:
        self.size = max(aligned(size, ALIGNMENT), 0)
        self.sources = sources
        self.reuses = reuses
        self.given = given
        self.scheduled = False
        self.readers = 0
        self.offset = -1
        self.view_of: Tensor | None = None
        self.device: int | None = None
        self.outside: tuple[Outside, ...] = ()
        self.fused: tuple[Tensor, ...] = ()

    def view(self, size: int = 0) -> Tensor:
        """`size` bytes of it, or all, in another shape. No result is ever written into the place of a view."""
        view = Tensor(size or self.size)
        view.view_of = self.view_of or self
        return view


def result(size: int, *sources: Tensor, reuses: Sequence[Tensor] = ()) -> Tensor:
    whole = tuple([source.view_of or source for source in sources])  # faster than from a generator
    return Tensor(size, whole, tuple([each for each in reuses if not each.view_of]) if reuses else ())


def in_place(operand: Tensor, *sources: Tensor) -> Tensor:
    """A result of `operand`'s shape, written over it where nothing else reads it."""
    return result(operand.size, operand, *sources, reuses=(operand,))


class Graph:
    """What is to be computed, in order, and what is given for that. Sizes in bytes."""

    def __init__(self) -> None:
        self.inputs: list[Tensor] = []
        self.results: list[Tensor] = []

    def compute(self, tensor: Tensor) -> None:
        """Puts `tensor` next in the order, after what it needs and is not in it yet."""
        pending = [tensor.view_of or tensor]
        while pending:
            needed = pending[-1]
            for source in needed.sources:
                if not source.scheduled:
                    pending.append(source)
                    break
            else:
                pending.pop()
                if not needed.scheduled:
                    needed.scheduled = True
                    self._append(needed)

    def keep(self, tensor: Tensor) -> None:
        """Never frees its place."""
        (tensor.view_of or tensor).readers += 1

    def _append(self, tensor: Tensor) -> None:
        (self.inputs if tensor.given else self.results).append(tensor)
        for source in tensor.sources:
            source.readers += 1

    def peak_bytes(self) -> int:
        """The size of the buffer in which one device can compute the graph. To be asked once."""
        return highest_ends(self.inputs, self.results, 1)[0]


def highest_ends(inputs: Iterable[Tensor], results: Iterable[Tensor], device_count: int) -> list[int]:
    """How large the buffer of each device has to be. Inputs have their places before anything is computed."""
    places = [_Places() for _ in range(device_count)]
    for tensor in inputs:
        tensor.offset = places[tensor.device or 0].take(tensor.size)
    for result in results:
        if result.size and not _take_over(result):
            result.offset = places[result.device or 0].take(result.size)
        for source in result.sources:
            source.readers -= 1
            if not source.readers and source.offset >= 0:
                places[source.device or 0].give_back(source.offset, source.size)
                source.offset = -1
    return [each.end for each in places]


def _take_over(result: Tensor) -> bool:
    """Puts `result` into the place of an operand that nothing else reads, if there is one."""
    for operand in result.reuses:
        if operand.offset >= 0 and operand.readers == 1 and operand.size == result.size:
            result.offset, operand.offset = operand.offset, -1
            return True
    return False


class _Places:
    """Free blocks (offset, size), by offset; beyond the last one everything is free."""

    def __init__(self) -> None:
        self._free: list[tuple[int, int]] = []
        self._tail = 0
        self.end = 0

    def take(self, size: int) -> int:
        best = -1
        for index, (_, available) in enumerate(self._free):
            if available >= size and (best < 0 or available <= self._free[best][1]):
                best = index
        if best < 0:
            offset = self._tail
            self._tail += size
            self.end = max(self.end, self._tail)
            return offset
        offset, available = self._free.pop(best)
        if available > size:
            self._free.insert(best, (offset + size, available - size))
        return offset

    def give_back(self, offset: int, size: int) -> None:
        insort(self._free, (offset, size))
        at = self._free.index((offset, size))
        if at + 1 < len(self._free) and offset + size == self._free[at + 1][0]:
            size += self._free.pop(at + 1)[1]
            self._free[at] = (offset, size)
        if at and sum(self._free[at - 1]) == offset:
            offset, size = self._free[at - 1][0], self._free[at - 1][1] + size
            self._free[at - 1 : at + 1] = [(offset, size)]
            at -= 1
        if at == len(self._free) - 1 and offset + size == self._tail:
            self._free.pop()
            self._tail = offset
