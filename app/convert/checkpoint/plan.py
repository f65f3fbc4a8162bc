"""ModelPlan: how a checkpoint of one architecture becomes a GGUF, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

MetadataValue = bool | int | float | str | Sequence[int] | Sequence[float] | Sequence[bool]
"""Becomes bool, uint32, float32 or string in the file, or an array of bool, int32 or float32."""


@dataclass(frozen=True)
class PlannedTensor:
    """A tensor of the GGUF and what of the checkpoint it is made of; `shape` as there, rows first.

    `name`: by which the gguf package's table of names knows it; `stored`: by which the checkpoint does, where that is
    another. `stacked`: several tensors of the checkpoint, each of `shape`, along a new first dimension, as experts are.
    `rows`, `columns`: which of each matrix are taken, where the checkpoint has several tensors in one. `plus` is added
    to each number: Gemma keeps what its norms differ from 1.

    `rope_rows`: the rows of each attention head, where RoPE turns them. Transformers turns row i
    with row i + rows / 2; GGUF's "llama" turns neighbours, so that the two halves are interleaved.
    """

    name: str
    shape: tuple[int, ...]
    rope_rows: int = 0
    stored: str = ""
    stacked: tuple[str, ...] = ()
    rows: slice | None = None
    columns: slice | None = None
    plus: float = 0.0

    @property
    def source_names(self) -> tuple[str, ...]:
        return self.stacked or (self.stored or self.name,)

    @property
    def made_shape(self) -> tuple[int, ...]:
        """Of the tensor in the GGUF, rows first."""
        shape = self.shape
        if self.rows is not None:
            shape = (*shape[:-2], len(range(*self.rows.indices(shape[-2]))), shape[-1])
        if self.columns is not None:
            shape = (*shape[:-1], len(range(*self.columns.indices(shape[-1]))))
        return (len(self.stacked), *shape) if self.stacked else shape

    @property
    def elements(self) -> int:
        return prod(self.made_shape)


@dataclass(frozen=True)
class ComputedTensor:
    """A vector of F32 that follows from config.json alone. `name` as in the GGUF."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class ModelPlan:
    """What one architecture's module makes of config.json.

    `architecture` is GGUF's name, and the keys of `metadata` stand below it. `unused`: patterns of
    names the checkpoint may have and the GGUF does not need. `renamed`: starts of names under which a checkpoint may
    have what `tensors` calls otherwise. `leaves_out`: what of the model is no part of the GGUF, empty where nothing is.
    """

    architecture: str
    layers: int
    vocabulary_size: int
    metadata: Mapping[str, MetadataValue]
    tensors: tuple[PlannedTensor, ...]
    unused: tuple[str, ...] = ()
    computed: tuple[ComputedTensor, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    leaves_out: str = ""

    def name_of(self, stored: str) -> str:
        """What `tensors` and `unused` call the tensor that the checkpoint, or an adapter for it, calls `stored`."""
        for start, name in self.renamed:
            if stored.startswith(start):
                return name + stored.removeprefix(start)
        return stored
