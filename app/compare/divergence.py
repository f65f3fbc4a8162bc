"""What the divergences of single tokens say of a whole answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.runtime.protocol import TokenDivergence


@dataclass(frozen=True)
class DivergenceFigures:
    """Of one answer that both models have looked at, a model `other` beside the `reference`.

    KL divergences in nats (`TokenDivergence`). `flips`: how many places at which the likeliest token is another one,
    `same_top_rate` the share of those at which it is not, `first_flip` the index of the first; None where they never
    part ways. The perplexities are those of the answer's tokens under each model.
    """

    tokens: int
    mean_kl: float
    median_kl: float
    kl_90: float
    kl_99: float
    maximum_kl: float
    flips: int
    first_flip: int | None
    reference_perplexity: float
    other_perplexity: float

    @property
    def same_top_rate(self) -> float:
        return 1 - self.flips / self.tokens


def divergence_figures(tokens: Sequence[TokenDivergence]) -> DivergenceFigures:
    """Of at least one token. Percentiles are interpolated as llama-perplexity does it."""
    divergences = sorted(token.kl_divergence for token in tokens)
    flips = [index for index, token in enumerate(tokens) if not token.same_top]
    return DivergenceFigures(
        tokens=len(tokens),
        mean_kl=math.fsum(divergences) / len(tokens),
        median_kl=_percentile(divergences, 0.5),
        kl_90=_percentile(divergences, 0.9),
        kl_99=_percentile(divergences, 0.99),
        maximum_kl=divergences[-1],
        flips=len(flips),
        first_flip=flips[0] if flips else None,
        reference_perplexity=_perplexity([token.reference.log_probability for token in tokens]),
        other_perplexity=_perplexity([token.other.log_probability for token in tokens]),
    )


def _percentile(ascending: Sequence[float], fraction: float) -> float:
    """Linear between the two values that the place lies between."""
    place = fraction * (len(ascending) - 1)
    below = int(place)
    above = min(below + 1, len(ascending) - 1)
    return ascending[below] + (place - below) * (ascending[above] - ascending[below])


def _perplexity(log_probabilities: Sequence[float]) -> float:
    """e to the power of the mean negative log-probability; infinite where a token was impossible or that overflows."""
    try:
        return math.exp(-math.fsum(log_probabilities) / len(log_probabilities))
    except OverflowError:
        return math.inf


def perplexity_per_character(log_probabilities: Sequence[float], characters: int) -> float:
    """e to the power of the negative log-probability of a text, over how many characters it has; infinite where a token
    was impossible. Unlike perplexity, which is per token, it can be compared between vocabularies (its logarithm to
    base 2 is bits per character: S. Merity et al., "An Analysis of Neural Language Modeling at Multiple Scales", 2018).

    The first token of models that put no start token before a text has no probability and is left out.
    """
    if not characters:
        return math.nan
    try:
        return math.exp(-math.fsum(log_probabilities) / characters)
    except OverflowError:
        return math.inf
