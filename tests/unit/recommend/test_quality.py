"""The published figures: possible, and in the order that fewer bits must give."""

from __future__ import annotations

import pytest

from app.convert import QUANTIZATIONS
from app.recommend import Measurement, read_published_quality

ROWS = read_published_quality()


def scoreboard(*quantizations: str, model: str = "Llama 3 8B", imatrix: bool = False) -> list[Measurement]:
    """llama.cpp's own table of Llama 3 8B, tools/perplexity/README.md, without an importance matrix."""
    rows = [r for r in ROWS if r.model == model and r.imatrix is imatrix and "Scoreboard" in r.source]
    by_name = {row.quantization: row for row in rows}
    return [by_name[name] for name in quantizations]


def test_every_row_is_possible_and_names_its_source() -> None:
    assert len(ROWS) >= 100
    for row in ROWS:
        assert row.source
        assert row.model
        assert row.bits_per_weight is None or 1 <= row.bits_per_weight <= 32.1
        assert row.perplexity is None or 1 < row.perplexity < 1e6
        assert row.same_top_token is None or 0 <= row.same_top_token <= 1
        assert row.kl_divergence_mean is None or 0 <= row.kl_divergence_mean < 20


@pytest.mark.parametrize("name", ["Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K"])
def test_what_people_choose_from_has_a_measured_cost(name: str) -> None:
    assert name in {kind.name for kind in QUANTIZATIONS}
    assert any(row.quantization == name and row.perplexity_increase is not None for row in ROWS)


def test_fewer_bits_cost_more() -> None:
    rows = scoreboard("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")
    bits = [row.bits_per_weight or 0 for row in rows]
    costs = [row.kl_divergence_mean or 0 for row in rows]
    assert bits == sorted(bits, reverse=True)
    assert costs == sorted(costs)
