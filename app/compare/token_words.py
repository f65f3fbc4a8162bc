"""How tokens and how much models differ at them are told, in the window and in reports."""

from __future__ import annotations

import codecs
import math
from collections.abc import Sequence

from app.runtime.protocol import TokenDivergence

FAINTEST, STRONGEST = 0.01, 2.0
"""KL divergence in nats from which a token is coloured, and from which it cannot be coloured more: hardly anything
changes below the first, and another token is chosen as a rule above the second."""


def strength(kl_divergence: float) -> float:
    """From 0 to 1, on a logarithmic scale: differences between 0.01 and 0.1 are as visible as those from 0.1 to 1."""
    if not kl_divergence > FAINTEST:  # nor is it when it is no number
        return 0.0
    if kl_divergence >= STRONGEST:
        return 1.0
    return math.log(kl_divergence / FAINTEST) / math.log(STRONGEST / FAINTEST)


def texts(tokens: Sequence[TokenDivergence]) -> list[str]:
    """Of each token in whole characters: one that several tokens spell stands at the last of them."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    last = len(tokens) - 1
    return [decoder.decode(token.text, index == last) for index, token in enumerate(tokens)]


def visible(text: bytes) -> str:
    """A token on one line, with what cannot be seen written out."""
    shown = text.decode("utf-8", "replace").replace("\n", "⏎").replace("\t", "⇥").replace("\r", "␍")
    return shown.replace(" ", "·") if shown.strip() != shown or not shown.strip() else shown


def percent(log_probability: float) -> str:
    """A probability, with as many digits as tell something."""
    value = 100 * math.exp(log_probability) if math.isfinite(log_probability) else 0.0
    if math.isnan(log_probability):
        return "–"
    if value >= 10:
        return f"{value:.1f} %"
    return f"{value:.2f} %" if value >= 0.01 else "< 0.01 %"


def nats(kl_divergence: float) -> str:
    if math.isnan(kl_divergence):
        return "–"
    if math.isinf(kl_divergence):
        return "∞"
    return f"{kl_divergence:.4f}" if kl_divergence < 0.1 else f"{kl_divergence:.3f}"
