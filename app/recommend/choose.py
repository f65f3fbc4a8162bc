"""Which quantization to take: the step that is recommended, and why, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.units import format_bytes
from app.recommend.catalogue import CatalogueModel
from app.recommend.fit import Fit, Verdict
from app.recommend.loss import ExpectedLoss
from app.recommend.need import Need
from app.runtime.protocol import LoadSettings

_WHOLE = (Verdict.FITS, Verdict.TIGHT)
_ACCEPTABLE_DIVERGENCE = 0.12
"""Above it the losses are clear, and somewhat slower is the better choice."""

_AS_GOOD_DIVERGENCE = 0.004
"""Below it nobody can tell, and smaller is better."""

_SMALL_DIVERGENCE = 0.05
"""Below it the losses are small: what Q4_K_M costs a model of 8 B parameters."""

_SENSITIVE = {
    "code": "code",
    "math": "mathematics",
    "multilingual": "languages other than English",
}
_LONG_CONTEXT = 32_768
_SENSITIVE_WEIGHT = 1.5
"""Losses count so much more where few bits cost most. Mathematics and languages other than English lose first and more
than automatic tests show: Marchisio et al., "How Does Quantization Affect Multilingual LLMs?" (2024, arXiv 2407.03211).
Long contexts: in 4 bits up to 59 % of the accuracy, in 8 bits 0.8 %: Mekala et al., "Does quantization affect models'
performance on long-context tasks?" (2025, arXiv 2505.20276). That it is half as much more is a choice of ours."""

_SENSITIVE_DIVERGENCE = 0.03
FEW_BITS = 4.0


@dataclass(frozen=True, slots=True)
class Step:
    """One quantization of a model on one machine: a step of the staircase."""

    quantization: str
    file_bytes: int
    bits_per_weight: float
    need: Need
    fit: Fit
    loss: ExpectedLoss


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another way: `step` with `settings`, of another `model` of the family or, None, of the same; `reason` why."""

    step: Step
    settings: LoadSettings
    reason: str
    model: CatalogueModel | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`steps` from the most bits to the fewest, `best` the recommended one's index, `reason` why it is; `warning`
    is empty where there is nothing to warn of. `alternatives` are worked out by `app.recommend.advice` alone."""

    steps: tuple[Step, ...]
    best: int
    reason: str
    warning: str
    alternatives: tuple[Alternative, ...] = ()

    @property
    def step(self) -> Step:
        return self.steps[self.best]


def recommend_step(
    steps: Sequence[Step], context_length: int, parameters: int, uses: Sequence[str] = ()
) -> Recommendation:
    """The step to take among `steps` of one model, of which there is at least one.

    The least loss among those that fit the accelerator whole, of equally good ones the smallest. What would lose
    too much to fit is left for one that is partly, or all, in main memory; sooner where losses would hurt most.
    """
    ordered = tuple(sorted(steps, key=lambda step: -step.bits_per_weight))
    sensitive = _sensitive(uses, context_length)
    weight = _SENSITIVE_WEIGHT if sensitive else 1.0
    best = min(range(len(ordered)), key=lambda index: preference(ordered[index], weight))
    return Recommendation(
        ordered,
        best,
        _reason(ordered, best, context_length),
        _warning(ordered[best], parameters, sensitive),
    )


def is_whole(fit: Fit) -> bool:
    """All of it is on the accelerators."""
    return fit.verdict in _WHOLE


def context_words(tokens: int) -> str:
    """`8k`."""
    return f"{tokens // 1024}k" if tokens >= 1024 else str(tokens)


def _sensitive(uses: Sequence[str], context_length: int) -> list[str]:
    names = [name for use, name in _SENSITIVE.items() if use in uses]
    return names + (["long documents"] if context_length >= _LONG_CONTEXT else [])


def preference(step: Step, weight: float = 1.0) -> tuple[int, float, int]:
    """Smaller is better; losses count `weight` times."""
    verdict, divergence = step.fit.verdict, step.loss.kl_divergence * weight
    acceptable = divergence < _ACCEPTABLE_DIVERGENCE
    if verdict is Verdict.TOO_BIG:
        return 7, -step.fit.free_bytes, step.file_bytes
    if verdict is Verdict.SLOW:
        return 6, -step.fit.speed.middle, step.file_bytes
    if verdict in _WHOLE and acceptable:
        # Almost full is no worse than full, but what leaves room comes first.
        rank = 0 if verdict is Verdict.FITS else 1
        return rank, 0.0 if divergence < _AS_GOOD_DIVERGENCE else divergence, step.file_bytes
    if acceptable:
        # Not on the accelerator whole: every bit more costs speed, so as few as are still good.
        return (2 if divergence < _SMALL_DIVERGENCE else 3), -step.fit.speed.middle, step.file_bytes
    return (4 if verdict in _WHOLE else 5), divergence, step.file_bytes


def _reason(steps: Sequence[Step], best: int, context_length: int) -> str:
    step = steps[best]
    sentences = [_sentence(step, context_words(context_length))]
    better = next((other for other in reversed(steps[:best]) if _is_better(other, step)), None)
    if better is not None:
        sentences.append(_cost_of_more(better, step))
    return " ".join(sentences)


def _sentence(step: Step, context: str) -> str:
    name, fit = step.quantization, step.fit
    free = format_bytes(abs(fit.free_bytes))
    match fit.verdict:
        case Verdict.FITS | Verdict.TIGHT:
            return f"{name} leaves {free} free at {context} context."
        case Verdict.SPLIT if fit.experts_in_memory:
            apart = step.need.expert_layers_apart(fit.gpu_layers, fit.expert_layers_in_memory)
            experts = format_bytes(step.need.expert_bytes * apart // step.need.expert_layers)
            whose = "their experts" if apart == step.need.layers else f"the experts of {apart} of them"
            return f"{name} has all layers on the GPU, but {whose} in memory ({experts})."
        case Verdict.SPLIT:
            layers = step.need.layers + 1
            return f"{name} puts {fit.gpu_layers} of {layers} layers on the GPU, the rest in memory."
        case Verdict.PROCESSOR:
            return f"{name} runs on the processor and leaves {free} of memory free at {context} context."
        case Verdict.SLOW:
            return f"Even {name} writes only about {fit.speed.middle:.1f} tokens per second here."
        case Verdict.TOO_BIG:
            return f"Even {name} needs {free} more memory than is free."


def _is_better(other: Step, step: Step) -> bool:
    return other.loss.kl_divergence < step.loss.kl_divergence


def _cost_of_more(better: Step, step: Step) -> str:
    name, fit = better.quantization, better.fit
    slower = step.fit.speed.middle / fit.speed.middle if fit.speed.middle else 0.0
    match fit.verdict:
        case Verdict.TOO_BIG:
            return f"{name} would need {format_bytes(-fit.free_bytes)} more than is free."
        case Verdict.TIGHT if step.fit.verdict is Verdict.FITS:
            return f"{name} would leave only {format_bytes(fit.free_bytes)}."
        case _ if is_whole(step.fit) and fit.experts_in_memory:
            return f"{name} would push experts into memory, about {slower:.1f} times slower."
        case _ if is_whole(step.fit) and not is_whole(fit):
            pushed = better.need.layers + 1 - fit.gpu_layers
            layers = f"{pushed} of {better.need.layers + 1} layers"
            return f"{name} would push {layers} to the processor, about {slower:.1f} times slower."
        case _ if slower > 1.05:
            return f"{name} would be about {slower:.1f} times slower."
        case _:
            return f"{name} is {better.loss.words}, and larger."


def _warning(step: Step, parameters: int, sensitive: Sequence[str]) -> str:
    """Grows as models shrink: the same bits cost a small model more."""
    divergence = step.loss.kl_divergence
    if step.bits_per_weight < FEW_BITS:
        size = f"{parameters / 1e9:.0f} billion" if parameters >= 1e9 else f"{parameters / 1e6:.0f} million"
        loss = f"{step.quantization} has fewer than four bits per weight: {step.loss.words} are expected"
        if parameters < 4_000_000_000:
            return f"{loss}, and a model of {size} parameters has little to lose. Prefer a smaller model."
        if parameters < 15_000_000_000:
            return (
                f"{loss} for a model of {size} parameters. A smaller model with more bits may serve better."
            )
        return f"{loss}."
    if sensitive and divergence >= _SENSITIVE_DIVERGENCE:
        words = " and ".join(filter(None, (", ".join(sensitive[:-1]), sensitive[-1])))
        return f"Few bits cost {words} first: take more if they fit."
    return ""
