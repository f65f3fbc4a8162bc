"""Family: a larger model in fewer bits against a smaller one in more, told openly and with the numbers of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from app.core.units import format_bytes
from app.recommend.catalogue import CatalogueModel
from app.recommend.choose import FEW_BITS, Alternative, Step, is_whole
from app.recommend.fit import Verdict
from app.recommend.ranking import Choice
from app.runtime.protocol import LoadSettings

_GOOD_DIVERGENCE = 0.05
"""Small losses: what a model is offered with in another's place."""

_ROOMY_DIVERGENCE = 0.015
"""A model that is hardly to be told from its original leaves room for a larger one."""

_FLUENT_TOKENS_PER_S = 8.0
"""For a processor alone: faster than people read."""

_OTHER_SIZE = 1.1
"""Models of one size are not larger than one another."""

_FASTER = 1.2
"""Than a larger model, to be a reason for fewer parameters."""

Asked = Callable[[CatalogueModel], tuple[Choice, LoadSettings] | None]
"""What is recommended of another model on the same machine; None where that is not known."""


def other_size(
    choice: Choice, models: Iterable[CatalogueModel], asked: Asked, *, has_accelerator: bool
) -> Alternative | None:
    """The next smaller of the family that runs well where `choice` does not, or the next larger where there is room."""
    model, step = choice.model, choice.recommendation.step
    family = [each for each in models if each.family == model.family and _is_alike(each, model)]
    is_larger = False
    if step.bits_per_weight < FEW_BITS or not _is_well_placed(step, has_accelerator=has_accelerator):
        smaller = (each for each in family if each.parameters * _OTHER_SIZE < model.parameters)
        candidates = sorted(smaller, key=lambda each: (-each.parameters, each.uses != model.uses))
        lead = "Fewer parameters in more bits"
    elif step.loss.kl_divergence < _ROOMY_DIVERGENCE:
        larger = (each for each in family if each.parameters > model.parameters * _OTHER_SIZE)
        candidates = sorted(larger, key=lambda each: (each.parameters, each.uses != model.uses))[:1]
        lead, is_larger = "There is room for more parameters", True
    else:
        return None
    for candidate in candidates:
        answer = asked(candidate)
        if answer is None:
            continue
        other, settings = answer
        rival = other.recommendation.step
        if _runs_well(rival, has_accelerator=has_accelerator) and (is_larger or _has_a_point(rival, step)):
            reason = f"{lead}: {_numbers(other)}. {_numbers(choice)}."
            return Alternative(rival, settings, reason, candidate)
    return None


def _has_a_point(smaller: Step, step: Step) -> bool:
    """Mixtures of experts may be faster in memory than a smaller model that is whole."""
    return (
        step.bits_per_weight < FEW_BITS
        or step.fit.verdict is Verdict.TOO_BIG
        or smaller.fit.speed.middle > _FASTER * step.fit.speed.middle
    )


def _is_alike(one: CatalogueModel, other: CatalogueModel) -> bool:
    """What is not made for conversations is no alternative to what is."""
    return ("chat" in one.uses) == ("chat" in other.uses) and (
        "vision" in one.uses or "vision" not in other.uses
    )


def _is_well_placed(step: Step, *, has_accelerator: bool) -> bool:
    if has_accelerator:
        return is_whole(step.fit)
    return step.fit.verdict is Verdict.PROCESSOR and step.fit.speed.middle >= _FLUENT_TOKENS_PER_S


def _runs_well(step: Step, *, has_accelerator: bool) -> bool:
    return (
        _is_well_placed(step, has_accelerator=has_accelerator)
        and step.bits_per_weight >= FEW_BITS
        and step.loss.kl_divergence < _GOOD_DIVERGENCE
    )


def _numbers(choice: Choice) -> str:
    step = choice.recommendation.step
    name = f"{choice.model.name} in {step.quantization}"
    loss = step.loss.perplexity_increase
    lost = f"perplexity +{loss * 100:.1f} %" if loss >= 0.0005 else "no loss"
    if step.fit.verdict is Verdict.TOO_BIG:
        return f"{name}: {lost}, {format_bytes(-step.fit.free_bytes)} too big"
    speed = step.fit.speed.middle
    rate = f"{speed:.0f}" if speed >= 10 else f"{speed:.1f}"
    return f"{name}: {lost}, about {rate} tok/s, {format_bytes(step.need.total_bytes)}"
