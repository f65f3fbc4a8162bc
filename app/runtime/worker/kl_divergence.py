"""Kullback-Leibler divergence of two models at one place of a text, over the whole vocabulary."""

from __future__ import annotations

import math

import numpy as np

from app.runtime.worker.distribution import Distribution


def kl_divergence(reference: Distribution, other: Distribution) -> float:
    """In nats: the sum of p (ln p - ln q), p of `reference`. Tokens that it gives no probability to count nothing; it
    is infinite where `other` gives none to one that it does.

    The same formula as llama-perplexity's (its `--kl-divergence`), but that stores ln p in 16 bits and leaves out what
    is below -16.
    """
    with np.errstate(invalid="ignore"):
        ratios = reference.above - other.above
        total = float(np.dot(reference.powers, ratios))
        if math.isnan(total):  # nothing times infinity
            possible = reference.powers > 0
            total = float(np.dot(reference.powers[possible], ratios[possible]))
    return total / math.exp(reference.log_sum) - reference.log_sum + other.log_sum
