"""How well the model does on what it never saw, while it trains: to stop and to choose by.

A greedy answer equals the expected one exactly when, given the expected answer so far, each next
token is the likeliest: one forward pass tells, nothing has to be generated. Wordings that are
right in other words count as wrong here; `resources.guide.evaluate` is the judge.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from resources.guide.arithmetic import sum_exercise, word_problem
from resources.guide.dialogue import Message
from resources.guide.topics import Refusals, Topic
from resources.guide.training.batches import Batch, batches, padded
from resources.guide.training.model import Llama
from resources.guide.training.speller import Speller

REFUSALS = 60  # enough to watch; each counts as often as there are wordings


@dataclass(frozen=True)
class Watched:
    """Shares of held-back questions answered to the letter; `loss` in nats per answer token."""

    phrasings: float
    sums: float
    problems: float
    refusals: float
    loss: float


class Watchlist:
    """What is watched, as batches: made once, looked at many times."""

    def __init__(self, topics: list[Topic], refusals: Refusals, speller: Speller, seed: int) -> None:
        rng = random.Random(seed)

        def batched(pairs: list[tuple[str, str]]) -> list[Batch]:
            dialogues = [speller.tokens([Message("user", q), Message("assistant", a)]) for q, a in pairs]
            return batches(dialogues, 8192, rng)

        self.phrasings = batched([(q, topic.answer) for topic in topics for q in topic.split.watched])
        sums = [sum_exercise(rng, part="watched", smallest=10) for _ in range(300)]
        self.sums = batched([(e.question, e.answer) for e in sums])
        problems = [word_problem(rng, part="watched") for _ in range(150)]
        self.problems = batched([(e.question, e.answer) for e in problems])
        # Right in any of its wordings: a row of wordings for each question.
        self.refusals = [
            padded([speller.tokens([Message("user", q), Message("assistant", a)]) for a in refusals.answers])
            for q in refusals.split.watched[:REFUSALS]
        ]

    def watch(self, model: Llama) -> Watched:
        right, losses = zip(*(to_the_letter(model, batch) for batch in self.phrasings), strict=True)
        refused = [to_the_letter(model, batch)[0].any().item() for batch in self.refusals]
        return Watched(
            phrasings=_share(list(right)),
            sums=_share([to_the_letter(model, batch)[0] for batch in self.sums]),
            problems=_share([to_the_letter(model, batch)[0] for batch in self.problems]),
            refusals=sum(refused) / len(refused),
            loss=float(torch.cat(losses).mean()),
        )


@torch.no_grad()
def to_the_letter(model: Llama, batch: Batch) -> tuple[Tensor, Tensor]:
    """For each dialogue [dialogues]: is every token of the answer the likeliest? And the losses of all
    those tokens [tokens], in nats."""
    batch = batch.on(model.device)
    with torch.autocast(model.device.type, torch.bfloat16):
        logits = model(batch.tokens[:, :-1]).float()
    expected = batch.tokens[:, 1:]
    answer = batch.weights[:, 1:] == 1.0
    likeliest = logits.argmax(-1) == expected
    losses = F.cross_entropy(logits[answer], expected[answer], reduction="none")
    return (likeliest | ~answer).all(-1), losses


def _share(right: list[Tensor]) -> float:
    return float(torch.cat(right).float().mean())
