"""The models of a catalogue in order for one machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.recommend.catalogue import CatalogueModel
from app.recommend.choose import Recommendation
from app.recommend.fit import Verdict


@dataclass(frozen=True, slots=True)
class Choice:
    """A model with the quantization recommended for one machine."""

    model: CatalogueModel
    recommendation: Recommendation


def rank(choices: Iterable[Choice]) -> tuple[Choice, ...]:
    """Best first: what runs well, then by the model's size and how little it lost, since more parameters
    with fewer bits mostly beat fewer with more, as long as the losses are not clear."""
    return tuple(sorted(choices, key=_order))


_ORDER = {verdict: place for place, verdict in enumerate(Verdict)}


def _order(choice: Choice) -> tuple[int, float, str]:
    step = choice.recommendation.step
    # All that is on the accelerator whole counts alike; tight or not is told, not punished.
    place = _ORDER[Verdict.FITS if step.fit.verdict is Verdict.TIGHT else step.fit.verdict]
    if step.fit.verdict is Verdict.TOO_BIG:  # what is missing least comes first
        return place, -step.fit.free_bytes, choice.model.id
    worth = choice.model.parameters * max(1 - 3 * step.loss.kl_divergence, 0.05)
    return place, -worth, choice.model.id
