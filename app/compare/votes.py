"""What a blind test says: votes, how sure they are, and one plain sentence."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, sqrt
from statistics import NormalDist
from typing import Literal

CONFIDENCE = 0.95

Vote = int | Literal["tie", "both bad", "skipped"]
"""The index of the model that was preferred, or neither; "skipped": nothing was said of that prompt."""


@dataclass(frozen=True)
class Share:
    """How often, out of `votes` for either model, one was preferred; `low` and `high` bound the true share with 95 %
    confidence."""

    wins: int
    votes: int
    low: float
    high: float


def shuffled(panes: int, prompt: int, seed: int) -> list[int]:
    """Which model stands at each place for the prompt of that number: the same each time, and not to be guessed."""
    order = list(range(panes))
    random.Random(f"{seed} {prompt}").shuffle(order)
    return order


def wilson_interval(wins: int, votes: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Bounds of the true share, from 0 to 1; without votes it may be any.

    Wilson's score interval (E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22, 1927), without a correction for continuity: right for few votes
    and for shares near 0 and 1, where the usual one is not.
    """
    if not votes:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = wins / votes
    middle = share + z * z / (2 * votes)
    reach = z * sqrt(share * (1 - share) / votes + z * z / (4 * votes * votes))
    scale = 1 + z * z / votes
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def share_of(model: int, votes: Sequence[Vote]) -> Share:
    """Of those votes that prefer one."""
    decided = [vote for vote in votes if isinstance(vote, int)]
    wins = decided.count(model)
    return Share(wins, len(decided), *wilson_interval(wins, len(decided)))


def votes_needed(wins: int, votes: int, confidence: float = CONFIDENCE) -> int | None:
    """With how many votes for either of two models a share like this one would no longer be taken for chance; None for
    a share of exactly a half, which no number of votes tells from chance.

    Wilson's interval is the score test turned round: it leaves out a half where |share - 1/2| > z / (2 sqrt(votes)),
    so votes > (z / (2 share - 1))^2.
    """
    if 2 * wins == votes:
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    return floor((z * votes / (2 * wins - votes)) ** 2) + 1


def verdict(names: Sequence[str], votes: Sequence[Vote]) -> str:
    """For the person: how often each of the models was preferred, and whether that means anything."""
    votes = [vote for vote in votes if vote != "skipped"]
    prompts = f"In {len(votes)} prompt{'' if len(votes) == 1 else 's'}"
    wins = Counter(vote for vote in votes if isinstance(vote, int))
    if not wins:
        return (
            f"{prompts} you preferred none: no difference you can see."
            if votes
            else "You have not voted yet."
        )
    order = sorted(range(len(names)), key=lambda model: -wins[model])
    told = [f"{names[model]} {_times(wins[model])}" for model in order]
    counted = f"{prompts} you preferred {', '.join(told[:-1])} and {told[-1]}"
    best, second = order[0], order[1]
    # Against the next best alone: whoever has a third model beside them cannot make either look better.
    low, _ = wilson_interval(wins[best], wins[best] + wins[second])
    if low > 0.5:
        return f"{counted}: you find {names[best]} better."
    return f"{counted}: no difference you can see."


def _times(count: int) -> str:
    return "once" if count == 1 else "never" if count == 0 else f"{count} times"
