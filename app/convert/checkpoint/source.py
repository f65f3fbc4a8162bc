"""A checkpoint that was found whole: what a conversion has in its hands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.plan import ModelPlan
from app.convert.checkpoint.tokenizer import Tokenizer

if TYPE_CHECKING:  # imports NumPy
    from app.convert.checkpoint.tensors import CheckpointTensor


@dataclass(frozen=True)
class Source:
    """`tensors` has every source of `plan`'s, in its shape."""

    folder: CheckpointFolder
    plan: ModelPlan
    tokenizer: Tokenizer
    tensors: Mapping[str, CheckpointTensor]
