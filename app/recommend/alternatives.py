"""Alternatives: what else lets a model keep more of its bits, offered before quality is thrown away.

The step that is recommended is one that fits as models are loaded, with a cache in F16 and the chosen context. Where
its losses can be noticed, or it is not on the accelerator whole, a cache in fewer bits or a shorter context makes room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from app.core.units import format_bytes
from app.recommend.cache_types import CACHE_LOSS, CACHE_TYPES
from app.recommend.choose import Alternative, Recommendation, Step, context_words, is_whole, preference
from app.recommend.fit import Verdict
from app.runtime.protocol import LoadSettings

_TELLABLE_DIVERGENCE = 0.015
"""Below it a quantization is hardly to be told from the original, and nothing needs to be gained."""

_WORTHWHILE = 2 / 3
"""So much of the loss may be left for a change to be worth it."""

_SHORTEST_CONTEXT = 2048

StepsWith = Callable[[LoadSettings], Sequence[Step]]
"""All steps of a model on a machine with other settings."""


def wants_more(step: Step, *, has_accelerator: bool) -> bool:
    """Whether `step` loses something that a person could notice, or is not where it is fast."""
    if step.loss.kl_divergence >= _TELLABLE_DIVERGENCE:
        return True
    return not is_whole(step.fit) and (has_accelerator or step.fit.verdict is not Verdict.PROCESSOR)


def alternatives_of(
    found: Recommendation,
    settings: LoadSettings,
    steps_with: StepsWith,
    *,
    has_accelerator: bool,
    quantizes_cache: bool,
) -> tuple[Alternative, ...]:
    """Other settings with which a better step fits, the cheapest first; `found` is for `settings`."""
    if not wants_more(found.step, has_accelerator=has_accelerator):
        return ()
    with_cache = _with_cache(found.step, settings, steps_with) if quantizes_cache else None
    with_context = _with_context(found.step, settings, steps_with)
    return tuple(each for each in (with_cache, with_context) if each is not None)


def _with_cache(best: Step, settings: LoadSettings, steps_with: StepsWith) -> Alternative | None:
    for kv_type in CACHE_TYPES:
        other = msgspec.structs.replace(settings, kv_type=kv_type)
        step = _better(best, steps_with(other), CACHE_LOSS[kv_type])
        if step is not None:
            cost = (
                f" Perplexity rises by up to {CACHE_LOSS[kv_type] * 100:.1f} % for it."
                if kv_type == "q4_0"
                else ""
            )
            reason = f"With the cache as {kv_type.upper()}, {_gain(best, step)}.{cost}"
            return Alternative(step, other, reason)
    return None


def _with_context(best: Step, settings: LoadSettings, steps_with: StepsWith) -> Alternative | None:
    """The longest that helps."""
    shorter = list(_shorter(settings.context_length))
    if not shorter or _better(best, steps_with(_with(settings, shorter[-1])), 0.0) is None:
        return None
    for context in shorter:
        other = _with(settings, context)
        step = _better(best, steps_with(other), 0.0)
        if step is not None:
            words = f"At {context_words(context)} instead of {context_words(settings.context_length)}"
            return Alternative(step, other, f"{words}, {_gain(best, step)}.")
    return None


def _with(settings: LoadSettings, context: int) -> LoadSettings:
    return msgspec.structs.replace(settings, context_length=context)


def _shorter(context: int) -> Iterator[int]:
    """Powers of two, longest first."""
    length = 1 << max((context - 1).bit_length() - 1, 0)
    while length >= _SHORTEST_CONTEXT:
        yield length
        length //= 2


def _better(best: Step, steps: Sequence[Step], cache_loss: float) -> Step | None:
    """Of those that lose clearly less in a place as good as that of `best`, or no more in a better one."""
    place, loss = _place(best), best.loss.perplexity_increase
    found = [
        step
        for step in steps
        if (_place(step) < place and step.loss.perplexity_increase <= loss)
        or (_place(step) == place == 0 and step.loss.perplexity_increase + cache_loss <= loss * _WORTHWHILE)
    ]
    return min(found, key=preference, default=None)


def _place(step: Step) -> int:
    """0: on the accelerators; 1: partly or all in memory; 2: slow; 3: nowhere."""
    match step.fit.verdict:
        case Verdict.SLOW:
            return 2
        case Verdict.TOO_BIG:
            return 3
        case _:
            return 0 if is_whole(step.fit) else 1


def _gain(best: Step, step: Step) -> str:
    saved = best.need.kv_bytes + best.need.compute_bytes - step.need.kv_bytes - step.need.compute_bytes
    less = f" ({format_bytes(max(saved, 0))} less)"
    if is_whole(best.fit):
        return f"{step.quantization} fits too{less}"
    if is_whole(step.fit):
        return f"{step.quantization} fits the GPU whole{less}"
    if best.fit.verdict is Verdict.TOO_BIG:
        return f"{step.quantization} fits{less}"
    return f"{step.quantization} writes about {step.fit.speed.middle:.1f} tokens per second{less}"
