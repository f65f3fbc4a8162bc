"""A checkpoint that was found whole: what a conversion has in its hands."""

from __future__ import annotations

from dataclasses import dataclass

from app.convert.checkpoint.folder import CheckpointFolder
from app.convert.checkpoint.plan import ModelPlan
from app.convert.checkpoint.tokenizer import Tokenizer
from app.convert.checkpoint.weights import Weights


@dataclass(frozen=True)
class Source:
    """`weights` has every tensor of `plan`, in its shape."""

    folder: CheckpointFolder
    plan: ModelPlan
    tokenizer: Tokenizer
    weights: Weights
