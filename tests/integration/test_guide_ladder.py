"""The guide is as good as its record says, and its quantizations cost what the record says."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

import resources
from app.runtime import LoadedModel, LoadSettings
from resources.guide.exam import held_back_exam
from tests.helpers.answers import ask, greedy
from tests.helpers.guide_checkpoint import needs_shipped_guide

pytestmark = needs_shipped_guide

SECTIONS = ("phrasings", "sums", "problems", "refusals")
SAMPLE = 30


@pytest.fixture(scope="module")
def record() -> dict[str, dict[str, float]]:
    """Shares of right answers and perplexity, by quantization; `resources.guide.evaluate` has written them."""
    path = Path(resources.__file__).parent / "guide" / "record" / "evaluation.json"
    return {row["model"].removeprefix("guide-"): row for row in json.loads(path.read_text("utf-8"))}


def test_goals_are_met(record: dict[str, dict[str, float]]) -> None:
    exact = record["BF16"]
    assert exact["phrasings"] >= 0.85
    assert exact["sums"] >= 0.95
    assert exact["refusals"] >= 0.95


def test_8_bits_cost_nothing_4_little_and_2_much(record: dict[str, dict[str, float]]) -> None:
    """Larger models lose sums first; the guide's survive 2 bits (resources/guide/README.md, "The ladder")."""
    lost = {
        kind: {section: record["BF16"][section] - shares[section] for section in SECTIONS}
        for kind, shares in record.items()
    }
    assert all(loss <= 0.01 for loss in lost["Q8_0"].values())
    assert all(loss <= 0.04 for loss in lost["Q4_K_M"].values())
    assert lost["Q2_K"]["phrasings"] > 0.03
    perplexities = [record[kind]["perplexity"] for kind in ("BF16", "Q4_K_M", "Q2_K")]
    assert perplexities == sorted(perplexities)


def test_shipped_weights_are_those_of_the_record(
    guide: Callable[[str], Path], record: dict[str, dict[str, float]]
) -> None:
    """A sample of the exam: its share may lie three standard deviations below that of the whole."""
    exam, rng = held_back_exam(), random.Random(5)
    with LoadedModel.load(guide("Q8_0"), LoadSettings(context_length=1024)) as model:
        for section in SECTIONS:
            questions = rng.sample(exam.sections[section], SAMPLE)
            right = sum(
                question.is_right(ask(model, question.text, greedy(160)).text) for question in questions
            )
            share = record["Q8_0"][section]
            assert right / SAMPLE >= share - 3 * math.sqrt(share * (1 - share) / SAMPLE) - 1 / SAMPLE, section
