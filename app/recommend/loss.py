"""What a quantization is expected to cost a model: in numbers that were published, and in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import exp, log

from app.recommend.quality import Measurement, read_published_quality

REFERENCE = "Llama 3 8B"
"""The model that llama.cpp's table of KL divergences is about, and its parameters."""

_REFERENCE_PARAMETERS = 8_030_261_248
_REFERENCE_PERPLEXITY = 6.233
_SIZE_EXPONENT = 0.25
"""Smaller models lose more to the same bits. From llama.cpp's perplexities of Q2_K: 14.7 % of Llama 1 7B, 11.4 % of
13B, 9.1 % of Llama 2 70B; for models below 7 B no such table is published, and the exponent is a guess."""

_WORDS = (
    (0.004, "as good as the original"),
    (0.015, "hardly to be told from the original"),
    (0.05, "small losses"),
    (0.12, "noticeable losses"),
    (0.28, "clear losses"),
)
_HEAVY = "heavy losses"
_UNQUANTIZED = frozenset({"F32", "F16", "BF16"})


@dataclass(frozen=True, slots=True)
class ExpectedLoss:
    """`kl_divergence`: mean, in nats per token, against the 16-bit original; `perplexity_increase` relative, 0.028
    for 2.8 %. `source`: where the figure comes from; `is_scaled`: for the size of the model."""

    kl_divergence: float
    perplexity_increase: float
    words: str
    source: str
    is_scaled: bool


ORIGINAL_LOSS = ExpectedLoss(0.0, 0.0, "the original's own bits", "published so", False)
"""Of a model in the bits that it was published in."""


def expected_loss(quantization: str, bits_per_weight: float, parameters: int) -> ExpectedLoss:
    """What `quantization` costs a model of so many parameters, as far as it is published.

    A type that the table lacks takes the place of its bits per weight between those it has.
    """
    if quantization in _UNQUANTIZED:
        return ExpectedLoss(0.0, 0.0, _WORDS[0][1], "not quantized", False)
    row = _table().get(quantization)
    if row is not None:
        divergence, increase = row.kl_divergence_mean or 0.0, (row.perplexity_increase or 0.0)
        source = f"{row.model}: {row.source}"
    else:
        divergence, increase = _between(bits_per_weight)
        source = f"between neighbours by bits per weight, {REFERENCE}"
    scale = _scale(parameters, divergence)
    return ExpectedLoss(
        divergence * scale,
        increase / _REFERENCE_PERPLEXITY * scale,
        _in_words(divergence * scale),
        source,
        scale != 1.0,
    )


def _scale(parameters: int, divergence: float) -> float:
    if parameters <= 0 or divergence < _WORDS[0][0]:  # eight bits cost nobody anything
        return 1.0
    return float(min(max((_REFERENCE_PARAMETERS / parameters) ** _SIZE_EXPONENT, 0.5), 3.0))


def _in_words(divergence: float) -> str:
    return next((words for limit, words in _WORDS if divergence < limit), _HEAVY)


@cache
def _table() -> dict[str, Measurement]:
    """By type: without an importance matrix where that is published, since most files are made so."""
    rows = [
        row
        for row in read_published_quality()
        if row.model == REFERENCE and row.kl_divergence_mean and row.perplexity_increase
    ]
    table: dict[str, Measurement] = {}
    for row in sorted(rows, key=lambda each: bool(each.imatrix)):
        table.setdefault(row.quantization, row)
    return table


def _between(bits_per_weight: float) -> tuple[float, float]:
    """KL divergence and absolute rise in perplexity at so many bits, both on a logarithmic scale."""
    points = sorted(
        (row.bits_per_weight, row.kl_divergence_mean or 0.0, row.perplexity_increase or 0.0)
        for row in _table().values()
        if row.bits_per_weight and row.quantization not in _UNQUANTIZED
    )
    below = max((each for each in points if each[0] <= bits_per_weight), default=points[0])
    above = min((each for each in points if each[0] >= bits_per_weight), default=points[-1])
    if above[0] == below[0]:
        return below[1], below[2]
    share = (bits_per_weight - below[0]) / (above[0] - below[0])
    return (
        exp(log(below[1]) * (1 - share) + log(above[1]) * share),
        exp(log(below[2]) * (1 - share) + log(above[2]) * share),
    )
