"""The recommendation for one model, and the models of a catalogue in order for one machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.recommend.budget import Budget
from app.recommend.catalogue import CatalogueModel
from app.recommend.choose import Recommendation, Step, recommend_step
from app.recommend.fit import Verdict, fit
from app.recommend.loss import ExpectedLoss, expected_loss
from app.recommend.need import need_of
from app.recommend.variants import Variant, variants_of
from app.runtime.protocol import LoadSettings

_ORIGINAL = ExpectedLoss(0.0, 0.0, "the original's own bits", "published so", False)


@dataclass(frozen=True, slots=True)
class Choice:
    """A model with the quantization recommended for one machine."""

    model: CatalogueModel
    recommendation: Recommendation


def recommend_model(
    model: CatalogueModel, budget: Budget, settings: LoadSettings, correction: float = 1.0
) -> Choice | None:
    """The staircase of `model`; None where its tensors are not known."""
    variants = variants_of(model)
    if not variants:
        return None
    steps = [_step(variant, budget, settings, correction) for variant in variants]
    chosen = recommend_step(steps, settings.context_length, model.parameters, model.uses)
    return Choice(model, chosen)


def rank(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    """Best first: what runs well, then by the model's size and how little it lost, since more parameters
    with fewer bits mostly beat fewer with more, as long as the losses are not clear."""
    return tuple(sorted(choices, key=_order))


_ORDER = {verdict: place for place, verdict in enumerate(Verdict)}


def _order(choice: Choice) -> tuple[int, float, str]:
    step = choice.recommendation.step
    # All that is on the accelerator whole counts alike; tight or not is told, not punished.
    place = _ORDER[Verdict.FITS if step.fit.verdict is Verdict.TIGHT else step.fit.verdict]
    worth = choice.model.parameters * max(1 - 3 * step.loss.kl_divergence, 0.05)
    return place, -worth, choice.model.id


def _step(variant: Variant, budget: Budget, settings: LoadSettings, correction: float) -> Step:
    facts = variant.facts
    need = need_of(facts, settings)
    bits = facts.bits_per_weight or 0.0
    loss = (
        _ORIGINAL
        if variant.is_original
        else expected_loss(variant.quantization, bits, variant.model.parameters)
    )
    return Step(variant.quantization, variant.file_bytes, bits, need, fit(need, budget, correction), loss)


def choices_for(
    models: Sequence[CatalogueModel], budget: Budget, settings: LoadSettings, correction: float = 1.0
) -> tuple[Choice, ...]:
    """All of `models` that can be told about, in order."""
    found = (recommend_model(model, budget, settings, correction) for model in models)
    return rank(choice for choice in found if choice is not None)
