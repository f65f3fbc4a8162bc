"""Weights that are NaN or infinite, as conversions tell of them; without NumPy, for what only hears of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NonFiniteTensor:
    """Weights of one tensor of a checkpoint that are no numbers."""

    name: str
    nan: int
    infinite: int

    def __str__(self) -> str:
        return f"{self.name} ({self.nan} NaN, {self.infinite} infinite)"


@dataclass(frozen=True)
class NonFiniteFound:
    """What a conversion emits that was allowed to go on."""

    tensors: tuple[NonFiniteTensor, ...]
