"""Trains the guide: `python -m resources.guide.training.train OUT_DIR`.

Two hours at most on two processor cores. Writes a Hugging Face checkpoint, the loss curve and what was
watched on the way. Same seeds, same versions, same number of threads: same course.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import sentencepiece
import torch
from torch.nn import functional as F

from resources.guide.topics import read_refusals, read_topics
from resources.guide.training.batches import Batch, batches
from resources.guide.training.checkpoint import write_checkpoint
from resources.guide.training.model import Geometry, Llama
from resources.guide.training.speller import Speller
from resources.guide.training.stream import Trainset
from resources.guide.training.tokenizer import VOCABULARY, train_tokenizer
from resources.guide.training.watching import HeldBack, Watched


@dataclass(frozen=True)
class Recipe:
    """AdamW (Loshchilov and Hutter 2019) with linear warm-up and a cosine down to a twentieth."""

    epochs: int = 26
    tokens_per_batch: int = 2048
    learning_rate: float = 2e-3
    warm_up_steps: int = 300
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.98)
    gradient_norm: float = 1.0
    dropout: float = 0.05
    watch_every: int = 1  # epochs
    patience: int = 4  # watches without a better one
    seed: int = 20261122


def train(target: Path, recipe: Recipe, geometry: Geometry) -> None:
    torch.manual_seed(recipe.seed)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = (
        False  # nothing reads it, and it costs a tenth of the time
    )
    target.mkdir(parents=True, exist_ok=True)
    topics, refusals = read_topics(), read_refusals()
    train_tokenizer(topics, refusals, target / "tokenizer.model", recipe.seed)
    speller = Speller(sentencepiece.SentencePieceProcessor(model_file=str(target / "tokenizer.model")))
    trainset = Trainset(topics, refusals, speller, recipe.seed)
    held_back = HeldBack(topics, refusals, speller, recipe.seed)
    model = Llama(geometry)
    model.compile(dynamic=True)  # needs a C++ compiler; a third faster
    course = Course(target / "loss.csv")
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)

    rng = random.Random(recipe.seed)
    epochs = [batches(trainset.epoch(), recipe.tokens_per_batch, rng)]
    steps = recipe.epochs * len(epochs[0])
    optimizer = _optimizer(model, recipe)
    step, best, worse = 0, -1.0, 0
    for epoch in range(1, recipe.epochs + 1):
        losses = []
        for batch in epochs.pop():
            losses.append(_step(model, optimizer, batch, recipe, _learning_rate(step, steps, recipe)))
            step += 1
        watched = (
            held_back.watch(model) if epoch % recipe.watch_every == 0 or epoch == recipe.epochs else None
        )
        course.write(epoch, step, sum(losses) / len(losses), watched)
        if watched is not None:
            score = (watched.phrasings + watched.sums + watched.refusals) / 3
            if score > best:
                best, worse = score, 0
                write_checkpoint(model, target)
            elif (worse := worse + 1) == recipe.patience:
                return
        epochs.append(batches(trainset.epoch(), recipe.tokens_per_batch, rng))


def _step(
    model: Llama, optimizer: torch.optim.Optimizer, batch: Batch, recipe: Recipe, learning_rate: float
) -> float:
    """One step down the weighted loss, in nats per token; returns that loss."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(batch.tokens[:, :-1], recipe.dropout)
    weights = batch.weights[:, 1:].flatten()
    losses = F.cross_entropy(logits.flatten(0, 1).float(), batch.tokens[:, 1:].flatten(), reduction="none")
    loss = (losses * weights).sum() / weights.sum()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.gradient_norm)
    optimizer.step()
    return loss.item()


def _optimizer(model: Llama, recipe: Recipe) -> torch.optim.Optimizer:
    """Weight decay on matrices only; norms are scales, not weights."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    scales = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": scales, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=True)


def _learning_rate(step: int, steps: int, recipe: Recipe) -> float:
    if step < recipe.warm_up_steps:
        return recipe.learning_rate * (step + 1) / recipe.warm_up_steps
    done = (step - recipe.warm_up_steps) / max(1, steps - recipe.warm_up_steps)
    return recipe.learning_rate * (0.05 + 0.95 * (1 + math.cos(math.pi * min(1.0, done))) / 2)


class Course:
    """The loss curve, a line per epoch, on disk as it grows."""

    def __init__(self, path: Path) -> None:
        self._path, self._began = path, time.monotonic()
        columns = ["epoch", "step", "minutes", "train_loss", *Watched.__dataclass_fields__]
        with path.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(columns)

    def write(self, epoch: int, step: int, loss: float, watched: Watched | None) -> None:
        minutes = (time.monotonic() - self._began) / 60
        seen = [f"{value:.4f}" for value in asdict(watched).values()] if watched else []
        line = [epoch, step, f"{minutes:.1f}", f"{loss:.4f}", *seen]
        with self._path.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(line)
        print(*line, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path, metavar="OUT_DIR")
    parser.add_argument("--epochs", type=int, default=Recipe.epochs)
    arguments = parser.parse_args()
    train(arguments.target, Recipe(epochs=arguments.epochs), Geometry(VOCABULARY))
