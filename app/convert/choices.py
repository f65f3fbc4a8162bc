"""What a person chooses beside the types to be made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.convert.splitting import WHOLE, Splitting
from app.memory.mixture import NONE_CHOSEN, TensorTypes


@dataclass(frozen=True)
class Choices:
    """`tensor_types` and `importance`, the file of an importance matrix, count for quantizations and not for F32, F16
    and BF16; `splitting` for all."""

    tensor_types: TensorTypes = NONE_CHOSEN
    importance: Path | None = None
    splitting: Splitting = WHOLE


NO_CHOICES = Choices()
