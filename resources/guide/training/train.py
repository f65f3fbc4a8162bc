"""Trains the guide: `python -m resources.guide.training.train OUT_DIR`.

Two hours at most on two processor cores. Writes a Hugging Face checkpoint, the loss curve and what was
watched on the way. Same seeds, same versions, same number of threads: same course. When it is
stopped, the same command goes on from the last whole epoch.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import math
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import sentencepiece
import torch
from torch.nn import functional as F

from resources.guide.topics import FOLDER, read_refusals, read_topics
from resources.guide.training.batches import Batch, batches
from resources.guide.training.checkpoint import write_checkpoint
from resources.guide.training.model import Geometry, Llama
from resources.guide.training.speller import Speller
from resources.guide.training.stream import Trainset
from resources.guide.training.tokenizer import VOCABULARY, train_tokenizer
from resources.guide.training.watching import Watched, Watchlist

RESUME = "resume.pt"


@dataclass(frozen=True)
class Recipe:
    """AdamW (Loshchilov and Hutter 2019) with linear warm-up and a cosine down to a twentieth; then one
    short closing epoch, whose rate falls in a line to nothing."""

    epochs: int = 11  # before the closing one
    tokens_per_batch: int = 1024
    learning_rate: float = 1e-3
    closing_rate: float = 2e-4
    warm_up_steps: int = 300
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.98)
    gradient_norm: float = 1.0
    dropout: float = 0.05
    watch_every: int = 1  # epochs
    patience: int = 4  # watches without a better one
    seed: int = 20261125


def train(target: Path, recipe: Recipe, geometry: Geometry, device: str) -> None:
    torch.manual_seed(recipe.seed)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = (
        False  # nothing reads it, and it costs a tenth of the time
    )
    target.mkdir(parents=True, exist_ok=True)
    topics, refusals = read_topics(), read_refusals()
    require_same_run(target, f"{recipe} {geometry} {_digest_of_makers()}")
    train_tokenizer(topics, refusals, target / "tokenizer.model", recipe.seed)
    speller = Speller(sentencepiece.SentencePieceProcessor(model_file=str(target / "tokenizer.model")))
    watchlist = Watchlist(topics, refusals, speller, recipe.seed)
    run = Run(target, recipe, Llama(geometry).to(device), Trainset(topics, refusals, speller))
    run.resume()
    while run.epoch <= recipe.epochs and run.worse < recipe.patience:
        began = time.monotonic()
        loss = run.train_epoch()
        watched = run.watch(watchlist)
        run.record(loss, watched, (time.monotonic() - began) / 60)


class Run:
    """One run, an epoch at a time. Every epoch has seeds of its own, so its state is weights and numbers."""

    def __init__(self, target: Path, recipe: Recipe, model: Llama, trainset: Trainset) -> None:
        self.epoch = self.worse = 0
        self._steps, self._best, self._minutes = 0, -1.0, 0.0
        self._course = [["epoch", "step", "minutes", "train_loss", *Watched.__dataclass_fields__]]
        self._target, self._recipe, self._model, self._trainset = target, recipe, model, trainset
        self._optimizer = _optimizer(model, recipe)
        model.compile(dynamic=True)  # needs a C++ compiler; a third faster

    def train_epoch(self) -> float:
        """Returns the mean loss, in nats per token."""
        seed = self._recipe.seed + self.epoch
        torch.manual_seed(seed)
        closing = self.epoch == self._recipe.epochs
        dialogues = self._trainset.closing_epoch(seed) if closing else self._trainset.epoch(seed)
        losses: list[float] = []
        for batch in (made := batches(dialogues, self._recipe.tokens_per_batch, random.Random(seed))):
            done = self.epoch + len(losses) / len(made)
            rate = _learning_rate(self._steps, done, self._recipe)
            losses.append(_descend(self._model, self._optimizer, batch, self._recipe, rate))
            self._steps += 1
        self.epoch += 1
        return sum(losses) / len(losses)

    def watch(self, watchlist: Watchlist) -> Watched:
        """Writes the checkpoint when it is the best so far."""
        watched = watchlist.watch(self._model)
        score = (watched.phrasings + watched.sums + watched.refusals) / 3
        if score > self._best:
            self._best, self.worse = score, 0
            write_checkpoint(self._model, self._target)
        else:
            self.worse += 1
        return watched

    def record(self, loss: float, watched: Watched, minutes: float) -> None:
        """A line of the loss curve, and all that is needed to go on from here."""
        self._minutes += minutes
        seen = [f"{value:.4f}" for value in asdict(watched).values()]
        line = [str(self.epoch), str(self._steps), f"{self._minutes:.1f}", f"{loss:.4f}", *seen]
        print(*line, flush=True)
        self._course.append(line)
        with (self._target / "loss.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(self._course)
        state = {
            "model": self._model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "numbers": (self.epoch, self.worse, self._steps, self._best, self._minutes),
            "course": self._course,
        }
        torch.save(state, self._target / "resume.new")
        (self._target / "resume.new").replace(self._target / RESUME)

    def resume(self) -> None:
        """Goes on where `record` was called last, if it was."""
        if not (self._target / RESUME).exists():
            return
        state = torch.load(self._target / RESUME, weights_only=True)
        self._model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.worse, self._steps, self._best, self._minutes = state["numbers"]
        self._course = state["course"]


def _descend(
    model: Llama, optimizer: torch.optim.Optimizer, batch: Batch, recipe: Recipe, learning_rate: float
) -> float:
    """One step down the weighted loss, in nats per token; returns that loss."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    batch = batch.on(model.device)
    with torch.autocast(model.device.type, torch.bfloat16):
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


def _learning_rate(step: int, done: float, recipe: Recipe) -> float:
    """`done` in epochs."""
    if done >= recipe.epochs:
        return recipe.closing_rate * (recipe.epochs + 1 - done)
    cosine = recipe.learning_rate * (0.05 + 0.95 * (1 + math.cos(math.pi * done / recipe.epochs)) / 2)
    return cosine * min(1.0, (step + 1) / recipe.warm_up_steps)


def require_same_run(target: Path, identity: str) -> None:
    """Leaves the folder of a run with another corpus, recipe or program as it is."""
    mark = target / "run.txt"
    if mark.exists() and mark.read_text() != identity:
        raise SystemExit(
            f"{target} holds a run with another corpus, recipe or program: choose another folder."
        )
    mark.write_text(identity)


def _digest_of_makers() -> str:
    """Changes with the corpus and with every line of what makes the guide."""
    folder = FOLDER.parent
    files = sorted([*folder.rglob("*.toml"), *folder.rglob("*.py")])
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path, metavar="OUT_DIR")
    parser.add_argument("--device", default="cpu", help="as PyTorch calls it: cpu, cuda, mps (default: cpu)")
    arguments = parser.parse_args()
    train(arguments.target, Recipe(), Geometry(VOCABULARY), arguments.device)
