"""How probable the model found what it wrote, and what else it could have written."""

from __future__ import annotations

from app.runtime.protocol import TokenChoice, TokenProbability
from app.runtime.worker.distribution import Distribution
from app.runtime.worker.logits import Logits
from app.runtime.worker.vocabulary import Vocabulary


class TokenProbabilities:
    """Of an answer for which the `count` likeliest of each place are asked; 0: none is, and nothing computed."""

    def __init__(self, count: int, vocabulary: Vocabulary) -> None:
        self._count = min(count, vocabulary.size)
        self.wanted = count > 0
        self._vocabulary = vocabulary
        self._logits = Logits(vocabulary.size)

    def after(self, context: object, output: int, token: int) -> TokenChoice:
        """`token` was chosen after the one at index `output` of the last batch."""
        found = Distribution.of(self._logits.after(context, output))
        return TokenChoice(
            chosen=probability_of(token, found, self._vocabulary),
            likeliest=likeliest_of(found, self._count, self._vocabulary),
        )


def likeliest_of(
    distribution: Distribution, count: int, vocabulary: Vocabulary
) -> tuple[TokenProbability, ...]:
    return tuple(probability_of(token, distribution, vocabulary) for token in distribution.likeliest(count))


def probability_of(token: int, distribution: Distribution, vocabulary: Vocabulary) -> TokenProbability:
    return TokenProbability(
        token=token,
        text=vocabulary.piece(token) or vocabulary.name(token),
        log_probability=distribution.log_probability(token),
    )
