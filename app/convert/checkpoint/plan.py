"""ModelPlan: how a checkpoint of one architecture becomes a GGUF, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MetadataValue = bool | int | float | str
"""Becomes bool, uint32, float32 or string in the file."""


@dataclass(frozen=True)
class PlannedTensor:
    """A tensor the checkpoint must have, by its name there; `shape` as there, rows first.

    `rope_rows`: the rows of each attention head, where RoPE turns them. Transformers turns row i
    with row i + rows / 2; GGUF's "llama" turns neighbours, so that the two halves are interleaved.
    """

    name: str
    shape: tuple[int, ...]
    rope_rows: int = 0


@dataclass(frozen=True)
class ModelPlan:
    """What one architecture's module makes of config.json.

    `architecture` is GGUF's name, and the keys of `metadata` stand below it. `unused`: patterns of
    names the checkpoint may have and the GGUF does not need.
    """

    architecture: str
    layers: int
    vocabulary_size: int
    metadata: Mapping[str, MetadataValue]
    tensors: tuple[PlannedTensor, ...]
    unused: tuple[str, ...] = ()
