"""What a model expects at one place of a text, over the whole vocabulary."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NEAR = (3.0, 6.0, 12.0, math.inf)
"""How far below the largest logit the likeliest tokens are looked for: mostly the first is enough, where to sort out
all of a vocabulary would take longer than the divergence itself."""


@dataclass(frozen=True)
class Distribution:
    """What one model expects: `above`, its logits less the largest one (float32), e to their power, `powers`, and the
    logarithm of the sum of these."""

    logits: NDArray[np.float32]
    above: NDArray[np.float32]
    powers: NDArray[np.float32]
    log_sum: float

    @classmethod
    def of(cls, logits: NDArray[np.float32]) -> Distribution:
        """Not a number where `logits` are none (one is no number or plus infinity, or all are minus infinity)."""
        with np.errstate(invalid="ignore"):
            above = logits - logits.max()
            powers = np.exp(above)
            total = float(powers.sum())  # in pairs, so that little is lost
        return cls(logits, above, powers, math.log(total) if total > 0 else math.nan)

    def log_probability(self, token: int) -> float:
        """The natural logarithm of its probability."""
        return float(self.above[token]) - self.log_sum

    def rank(self, token: int) -> int:
        """How many tokens are likelier."""
        return int(np.count_nonzero(self.logits > self.logits[token]))

    def likeliest(self, count: int) -> list[int]:
        """The first first; of equal ones the one with the smaller number."""
        for below in _NEAR:
            near = np.flatnonzero(self.above >= -below)
            if len(near) >= count:
                break
        values = self.logits[near]
        if len(near) > count:
            # All that are no less likely than the last of them: among equal ones the partition takes any.
            near = near[values >= np.partition(values, -count)[-count]]
        order = np.lexsort((near, -self.logits[near]))
        return [int(token) for token in near[order][:count]]
