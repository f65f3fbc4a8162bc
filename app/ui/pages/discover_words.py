"""How the Discover page says things: uses, makers, steps, and (from `fit_words`) what they take and how they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from app.core.units import format_bytes, format_count
from app.ui.fit_words import (
    CONTEXTS,
    USUAL_CONTEXT,
    VERDICTS,
    Look,
    context_name,
    contexts_of,
    gigabytes,
    in_use,
    in_use_exactly,
    in_use_where,
    left_over,
    speed_basis,
    speed_explained,
    speed_range,
    tokens_per_s,
    used_of,
    verdict_look,
    verdict_meaning,
)

if TYPE_CHECKING:  # the engine comes with the job that first needs it
    from app.memory import Held
    from app.recommend.budget import Budget
    from app.recommend.catalogue import CatalogueModel
    from app.recommend.choose import Step


__all__ = [
    "CONTEXTS",
    "USUAL_CONTEXT",
    "VERDICTS",
    "Look",
    "context_name",
    "contexts_of",
    "credit",
    "gigabytes",
    "in_use",
    "in_use_exactly",
    "in_use_where",
    "left_over",
    "maker",
    "parameters",
    "speed_basis",
    "speed_explained",
    "speed_range",
    "step_spoken",
    "tokens_per_s",
    "use_names",
    "used_of",
    "verdict_look",
    "verdict_meaning",
]


def use_names() -> dict[str, str]:
    """What models are for, by the catalogue's word."""
    return {
        "chat": _tr("Chat"),
        "code": _tr("Code"),
        "math": _tr("Math"),
        "reasoning": _tr("Reasoning"),
        "tools": _tr("Tools"),
        "vision": _tr("Vision"),
        "audio": _tr("Audio"),
        "multilingual": _tr("Multilingual"),
        "base": _tr("Base models"),
    }


def step_spoken(step: Step, budget: Budget) -> str:
    """A quantization for who listens."""
    fit = step.fit
    told = (
        step.quantization,
        verdict_look(fit.verdict).words,
        _tr("file {size}").format(size=format_bytes(step.file_bytes)),
        _tr("in use {size}").format(size=in_use(fit, budget)),
        f"{speed_range(fit)} {speed_basis(fit)}" if fit.free_bytes >= 0 else "",
        step.loss.words,
    )
    return ", ".join(filter(None, told))


def credit(loaded: Sequence[Held]) -> str:
    """What counts as free beside what is; empty where nothing is loaded."""
    freed = sum(each.freed_bytes + sum(each.accelerator_bytes) for each in loaded)
    if not freed:
        return ""
    models = _tr(" and ").join(name for each in loaded for name in each.models)
    return _tr("{size} more will be free with {models} unloaded, which the list counts on.").format(
        size=format_bytes(freed), models=models
    )


def maker(model: CatalogueModel) -> str:
    """Whose repository the original is in."""
    return model.repository.partition("/")[0]


def parameters(model: CatalogueModel) -> str:
    count = format_count(model.parameters)
    if model.active_parameters:
        return _tr("{count}, {active} active").format(
            count=count, active=format_count(model.active_parameters)
        )
    return count


def _tr(text: str) -> str:
    return QCoreApplication.translate("DiscoverPage", text)
