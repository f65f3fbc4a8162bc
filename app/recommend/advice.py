"""Advice on one model: its recommended step with what speaks for other settings and other sizes.

Takes some milliseconds more than the choice alone, so it is for the model that a person looks at, not for lists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from app.recommend.alternatives import alternatives_of
from app.recommend.budget import Budget
from app.recommend.catalogue import CatalogueModel
from app.recommend.family import other_size
from app.recommend.ranking import Choice
from app.recommend.staircase import Staircase
from app.runtime.protocol import LoadSettings


def advised(staircase: Staircase, others: Iterable[Staircase], budget: Budget, context_length: int) -> Choice:
    """The choice of `staircase` with its alternatives; `others`: where larger and smaller ones may be among."""
    settings = staircase.settings(context_length)
    choice = staircase.choice(budget, settings)
    has_accelerator = budget.accelerator_bytes > 0
    found = list(
        alternatives_of(
            choice.recommendation,
            settings,
            lambda other: staircase.steps(budget, other),
            has_accelerator=has_accelerator,
            quantizes_cache=staircase.quantizes_cache,
        )
    )
    by_model = {each.model.id: each for each in others}

    def asked(model: CatalogueModel) -> tuple[Choice, LoadSettings]:
        other = by_model[model.id]
        its_settings = other.settings(context_length)
        return other.choice(budget, its_settings), its_settings

    models = [each.model for each in by_model.values()]
    size = other_size(choice, models, asked, has_accelerator=has_accelerator)
    if size is not None:
        found.append(size)
    return replace(choice, recommendation=replace(choice.recommendation, alternatives=tuple(found)))
