"""How probable the model found what it wrote, and what else it could have written."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.runtime.protocol import TokenChoice, TokenProbability
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
        found = log_softmax(self._logits.after(context, output))
        likeliest = np.argpartition(found, -self._count)[-self._count :]
        likeliest = likeliest[np.lexsort((likeliest, -found[likeliest]))]  # of equal ones the first
        return TokenChoice(
            chosen=self._probability(found, token),
            likeliest=tuple(self._probability(found, int(each)) for each in likeliest),
        )

    def _probability(self, found: NDArray[np.float64], token: int) -> TokenProbability:
        text = self._vocabulary.piece(token) or self._vocabulary.name(token)
        return TokenProbability(token=token, text=text, log_probability=float(found[token]))


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """The natural logarithm of each token's probability; the largest logit is subtracted first, so that nothing
    grows beyond a float."""
    above = logits.astype(np.float64)
    above -= above.max()
    above -= np.log(np.exp(above).sum())
    return above
