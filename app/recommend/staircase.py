"""Staircases: the catalogue's models in all their quantizations, worked out once and asked for any machine and context.

A list that follows a change at once cannot start from tensors each time. What neither machine nor context changes is
kept (`sizes`), also from one start of the program to the next (`kept_sizes`); a new context costs some milliseconds, a
new machine a few divisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.core.jobs import JobControl
from app.recommend.budget import Budget
from app.recommend.cache_types import CACHE_TYPES
from app.recommend.catalogue import CatalogueModel
from app.recommend.choose import Step, recommend_step
from app.recommend.fit import Fit, fit
from app.recommend.kept_sizes import KeptSizes, keep_sizes
from app.recommend.loss import ORIGINAL_LOSS, ExpectedLoss, expected_loss
from app.recommend.need import Need
from app.recommend.ranking import Choice
from app.recommend.sizes import Size, Sizes, geometry_key, sizes_of
from app.runtime.protocol import LoadSettings


class Staircase:
    """One model, on whatever machine."""

    def __init__(self, model: CatalogueModel, sizes: Sizes) -> None:
        self.model = model
        self.sizes = sizes
        self._losses = tuple(_loss(size, model.parameters) for size in sizes.quantizations)

    @property
    def longest_context(self) -> int:
        """What the model was trained for, in tokens; 0 where that is not known."""
        longest = self.model.geometry.get("context_length")
        return longest if isinstance(longest, int) else 0

    def settings(self, context_length: int) -> LoadSettings:
        """For so many tokens, or as many as the model takes."""
        return LoadSettings(context_length=min(context_length, self.longest_context or context_length))

    def ways(self, context_length: int) -> list[LoadSettings]:
        """What alternatives are asked of: the cache in all its types."""
        usual = self.settings(context_length)
        others = CACHE_TYPES if self.quantizes_cache else ()
        return [usual, *(msgspec.structs.replace(usual, kv_type=kv_type) for kv_type in others)]

    def is_ready(self, settings: LoadSettings) -> bool:
        """Whether `choice` has only divisions to do; else it takes some milliseconds."""
        return self.sizes.knows(settings)

    def prepare(self, settings: LoadSettings) -> None:
        """Makes `choice` ready."""
        self.sizes.space(settings)

    @property
    def quantizes_cache(self) -> bool:
        """Whether a cache in fewer bits is possible and does no harm."""
        return self.sizes.quantizes_cache

    def steps(self, budget: Budget, settings: LoadSettings) -> list[Step]:
        """The quantizations of the model on a machine."""
        space = self.sizes.space(settings)
        steps = []
        for size, loss in zip(self.sizes.quantizations, self._losses, strict=True):
            need = space.added_to(size.need)
            placed = fit(need, budget)
            steps.append(Step(size.quantization, size.file_bytes, size.bits_per_weight, need, placed, loss))
        return steps

    def choice(self, budget: Budget, settings: LoadSettings) -> Choice:
        """Which of `steps` to take."""
        model, steps = self.model, self.steps(budget, settings)
        return Choice(model, recommend_step(steps, settings.context_length, model.parameters, model.uses))


def staircases_of(
    models: Sequence[CatalogueModel], control: JobControl | None = None, kept: Path | None = None
) -> tuple[Staircase, ...]:
    """Those of `models` whose tensors are known; some ten milliseconds for each geometry that the file `kept` does not
    hold.

    `control` is told how many are done. Raises Cancelled.
    """
    from_before = KeptSizes(kept) if kept is not None else None
    known: dict[str, Sizes | None] = {}
    made = []
    for done, model in enumerate(models):
        if control is not None:
            control.cancel.raise_if_cancelled()
            control.progress("", done, len(models), "models")
        key = geometry_key(model)
        if key not in known:
            known[key] = (from_before.of(key, model) if from_before else None) or sizes_of(model)
        sizes = known[key]
        if sizes is not None:
            made.append(Staircase(model, sizes))
    return tuple(made)


def keep_staircases(staircases: Iterable[Staircase], kept: Path) -> None:
    """For the next `staircases_of`, with the contexts that are ready. Raises what `keep_sizes` raises."""
    keep_sizes({geometry_key(each.model): each.sizes for each in staircases}, kept)


@dataclass(frozen=True, slots=True)
class Parts:
    """Bytes on one device, by what they are for."""

    weights_bytes: int
    context_bytes: int
    working_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.context_bytes + self.working_bytes


def parts_of(need: Need, placed: Fit) -> tuple[Parts, Parts]:
    """What is on the accelerators and what in main memory; together what `placed` counts."""
    if not placed.gpu_layers:
        return Parts(0, 0, 0), Parts(need.weights_bytes, need.kv_bytes, need.compute_bytes)
    if placed.experts_in_memory:
        weights = placed.accelerator_bytes - need.kv_bytes - need.compute_bytes
        return Parts(weights, need.kv_bytes, need.compute_bytes), Parts(placed.memory_bytes, 0, 0)
    cache = need.kv_bytes // need.layers
    offloaded = placed.gpu_layers - 1
    staying = need.layers - offloaded
    return (
        Parts(offloaded * need.layer_bytes + need.output_bytes, offloaded * cache, need.compute_bytes),
        Parts(staying * need.layer_bytes + need.embedding_bytes, staying * cache, 0),
    )


def _loss(size: Size, parameters: int) -> ExpectedLoss:
    if size.is_original:
        return ORIGINAL_LOSS
    return expected_loss(size.quantization, size.bits_per_weight, parameters)
