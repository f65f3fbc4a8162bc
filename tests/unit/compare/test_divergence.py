"""Figures of a whole answer from those of its tokens."""

from __future__ import annotations

import math

import numpy as np
import pytest

from app.compare.divergence import divergence_figures, perplexity_per_character
from app.runtime.protocol import TokenDivergence, TokenProbability, TokenView


def view(top: int, log_probability: float) -> TokenView:
    likeliest = (TokenProbability(token=top, text=b"", log_probability=0.0),)
    return TokenView(log_probability=log_probability, rank=0, likeliest=likeliest)


def token(kl: float, *, flips: bool = False, p: float = 0.5, q: float = 0.25) -> TokenDivergence:
    return TokenDivergence(
        token=1,
        text=b"a",
        kl_divergence=kl,
        reference=view(1, math.log(p)),
        other=view(2 if flips else 1, math.log(q)),
    )


def test_of_several_tokens() -> None:
    divergences = [0.4, 0.0, 0.1, 0.3, 2.0]
    figures = divergence_figures([token(each, flips=each > 0.35) for each in divergences])
    assert figures.mean_kl == pytest.approx(np.mean(divergences))
    assert figures.median_kl == 0.3
    assert (figures.kl_90, figures.kl_99) == pytest.approx(tuple(np.percentile(divergences, [90, 99])))
    assert figures.maximum_kl == 2.0
    assert (figures.flips, figures.first_flip, figures.same_top_rate) == (2, 0, pytest.approx(0.6))
    assert (figures.reference_perplexity, figures.other_perplexity) == pytest.approx((2.0, 4.0))


def test_of_one_token_that_both_expect() -> None:
    figures = divergence_figures([token(0.0, p=1.0, q=1.0)])
    assert (figures.mean_kl, figures.kl_99, figures.flips, figures.first_flip) == (0.0, 0.0, 0, None)
    assert (figures.same_top_rate, figures.reference_perplexity) == (1.0, 1.0)


def test_a_token_that_was_impossible_makes_perplexity_infinite() -> None:
    tokens = [token(0.0), token(math.inf)]
    tokens[1] = TokenDivergence(
        token=1, text=b"", kl_divergence=math.inf, reference=view(1, 0.0), other=view(1, -math.inf)
    )
    figures = divergence_figures(tokens)
    assert figures.other_perplexity == math.inf
    assert figures.maximum_kl == math.inf


def test_perplexity_per_character_is_that_of_the_text_however_it_is_cut() -> None:
    # Four characters, each with a chance of one in three, told in two tokens or in four.
    assert perplexity_per_character([-2 * math.log(3)] * 2, 4) == pytest.approx(3)
    assert perplexity_per_character([-math.log(3)] * 4, 4) == pytest.approx(3)
    assert perplexity_per_character([-math.inf], 4) == math.inf
    assert math.isnan(perplexity_per_character([], 0))
