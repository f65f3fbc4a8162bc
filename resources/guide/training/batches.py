"""Token sequences as padded tensors."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from resources.guide.training.speller import Tokens


@dataclass(frozen=True)
class Batch:
    """`tokens` [dialogues, length] of int64, padded with 0; `weights` of the same shape, 0 for padding."""

    tokens: Tensor
    weights: Tensor

    def on(self, device: torch.device) -> Batch:
        return Batch(self.tokens.to(device), self.weights.to(device))


def batches(dialogues: list[Tokens], tokens_per_batch: int, rng: random.Random) -> list[Batch]:
    """Dialogues of like length together, so that little is padded; batches in random order."""
    ordered = sorted(dialogues, key=lambda tokens: (len(tokens[0]), rng.random()))
    made, start = [], 0
    while start < len(ordered):
        end = start + 1
        while end < len(ordered) and len(ordered[end][0]) * (end + 1 - start) <= tokens_per_batch:
            end += 1
        made.append(padded(ordered[start:end]))
        start = end
    rng.shuffle(made)
    return made


def padded(dialogues: list[Tokens]) -> Batch:
    length = max(len(ids) for ids, _ in dialogues)
    tokens = torch.zeros(len(dialogues), length, dtype=torch.long)
    weights = torch.zeros(len(dialogues), length)
    for row, (ids, weight) in enumerate(dialogues):
        tokens[row, : len(ids)] = torch.tensor(ids)
        weights[row, : len(ids)] = torch.tensor(weight)
    return Batch(tokens, weights)
