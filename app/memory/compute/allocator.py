"""How much memory a compute graph needs: ggml's graph allocator, in the small.

Tensors of a graph get their places in the order in which they are computed; a place is free again when the
last tensor that reads it is done, and the smallest free place that is large enough is taken. What is needed is
the highest end of any place. Source: `ggml-alloc.c` of llama.cpp (allocation order, best fit, results that
take the place of an operand).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence

ALIGNMENT = 64
"""Bytes that a place begins at a multiple of, on the processor."""


class Tensor:
    """One result or input. `reuses`: operands in whose place the result may be written.

    A view has no place of its own, it is part of another tensor's.
    """

    __slots__ = ("children", "is_view", "offset", "reuses", "root", "size", "sources", "views")

    def __init__(self, size: int, sources: Sequence[Tensor], reuses: Sequence[Tensor], root: Tensor | None):
        self.size = -(-size // ALIGNMENT) * ALIGNMENT
        self.sources = tuple(sources)
        self.reuses = tuple(reuses)
        self.root = root or self
        self.is_view = root is not None
        self.children = 0
        self.views = 0
        self.offset = -1


class Graph:
    """Tensors in the order in which they are computed. Sizes in bytes."""

    def __init__(self) -> None:
        self._inputs: list[Tensor] = []
        self._nodes: list[Tensor] = []

    def input(self, size: int) -> Tensor:
        """Given from outside: its place is taken before anything is computed."""
        tensor = Tensor(size, (), (), None)
        self._inputs.append(tensor)
        return tensor

    def result(self, size: int, *sources: Tensor, reuses: Sequence[Tensor] = ()) -> Tensor:
        tensor = Tensor(size, sources, reuses, None)
        self._nodes.append(tensor)
        return tensor

    def in_place(self, operand: Tensor, *sources: Tensor) -> Tensor:
        """A result of `operand`'s shape, written over it where nothing else reads it."""
        return self.result(operand.size, operand, *sources, reuses=(operand,))

    def view(self, tensor: Tensor, size: int = 0) -> Tensor:
        """`size` bytes of `tensor`, or all."""
        view = Tensor(size or tensor.size, (tensor,), (), tensor.root)
        self._nodes.append(view)
        return view

    def store(self, *sources: Tensor) -> None:
        """Writes into memory outside of the graph, such as the KV cache."""
        self.result(0, *sources)

    def peak_bytes(self) -> int:
        """The size of the buffer in which the graph can be computed."""
        for node in self._nodes:
            node.root.views += node.is_view
            for source in node.sources:
                source.children += 1
        places = _Places()
        for tensor in self._inputs:
            tensor.offset = places.take(tensor.size)
        for node in self._nodes:
            if not node.is_view and not _take_over(node, places) and node.size:
                node.offset = places.take(node.size)
            for source in node.sources:
                source.children -= 1
                if not source.children and not source.views:
                    _release(source, places)
        return places.end


def _take_over(node: Tensor, places: _Places) -> bool:
    """Puts `node` into the place of an operand that nothing else needs, if there is one. Never into
    a view: ggml means to, and finds that a view owns no place."""
    for operand in node.reuses:
        if operand.is_view or operand.offset < 0 or operand.children != 1 or operand.views:
            continue
        node.offset = operand.offset
        if operand.size > node.size:
            places.give_back(operand.offset + node.size, operand.size - node.size)
        operand.offset = -1
        return True
    return False


def _release(source: Tensor, places: _Places) -> None:
    root = source.root
    if source.is_view:
        root.views -= 1
        if root.views or root.children:
            return
    if root.offset >= 0:
        places.give_back(root.offset, root.size)
        root.offset = -1


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
