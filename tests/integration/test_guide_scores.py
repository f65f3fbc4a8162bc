"""What quantizing costs a trained model, in numbers: perplexity, the distance of each token, and where answers part."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import resources
from app.compare import Comparison, first_difference
from app.core.jobs import CancelToken, JobControl
from app.memory import Keeper
from app.runtime import LoadedModel, LoadSettings
from resources.guide.evaluate import perplexity
from resources.guide.exam import Exam, held_back_exam
from tests.helpers import numpy_llama
from tests.helpers.answers import greedy

SETTINGS = LoadSettings(context_length=1024, threads=1)
CONVERSATIONS = 40
QUESTIONS_OF_A_SECTION = 8


@pytest.fixture(scope="module")
def exam() -> Exam:
    return held_back_exam()


@pytest.fixture(scope="module")
def texts(exam: Exam) -> list[str]:
    """Conversations the guide was not trained on, some 2,400 tokens."""
    return random.Random(1).sample(exam.text, CONVERSATIONS)


@pytest.fixture(scope="module")
def scores(guide: Callable[[str], Path], texts: list[str]) -> Callable[[str], NDArray[np.float64]]:
    """The log-probability of every token of `texts` in a quantization of the guide."""

    @functools.cache
    def scored(kind: str) -> NDArray[np.float64]:
        with LoadedModel.load(guide(kind), SETTINGS) as model:
            return np.concatenate([model.score(text, parse_special=True).log_probabilities for text in texts])

    return scored


def test_perplexity_is_that_of_an_independent_forward_pass(
    guide: Callable[[str], Path], texts: list[str]
) -> None:
    llama, weights = numpy_llama.read_checkpoint(resources.guide_checkpoint())
    with LoadedModel.load(guide("BF16"), SETTINGS) as model:
        found = perplexity(model, texts[:4])
        scored = [model.score(text, parse_special=True) for text in texts[:4]]
    exact = [numpy_llama.log_probabilities(llama, weights, score.tokens) for score in scored]
    for score, shares in zip(scored, exact, strict=True):
        # llama.cpp rounds activations to BF16 as well; a wrong turn of a head is off by whole numbers.
        assert score.log_probabilities == pytest.approx(shares, abs=0.05)
    shares = [share for text in exact for share in text]
    assert found == pytest.approx(math.exp(-math.fsum(shares) / len(shares)), rel=1e-3)


def test_fewer_bits_move_each_token_further_from_bf16(
    scores: Callable[[str], NDArray[np.float64]],
) -> None:
    """Holds for any model, however well trained: the distance follows the error of the weights.

    Relative to the weights that error is about 0.5 % in Q8_0, 8 % in Q4_0 and 23 % in Q2_K; Q4_K_M
    has the bits of Q4_0 with better scales, and more of them in half of the value matrices.
    """
    distances = {
        kind: math.sqrt(np.mean((scores(kind) - scores("BF16")) ** 2))
        for kind in ("Q8_0", "Q4_K_M", "Q4_0", "Q2_K")
    }
    assert 0 < 2 * distances["Q8_0"] < distances["Q4_K_M"] < distances["Q4_0"] < distances["Q2_K"] / 1.5


def test_perplexity_rises_as_bits_go(scores: Callable[[str], NDArray[np.float64]]) -> None:
    """Cross-entropy is convex in the logits, so errors of both signs raise it, with their square.

    At Q8_0 and Q4_0 the rise is smaller than its chance over 2,400 tokens (in four states of the
    training at most 0.1 % either way, and from -0.1 % to 0.3 %); at Q2_K it stands out (3 to 6 %).
    """
    perplexities = {kind: math.exp(-scores(kind).mean()) for kind in ("BF16", "Q8_0", "Q4_0", "Q2_K")}
    assert perplexities["Q8_0"] == pytest.approx(perplexities["BF16"], rel=0.01)
    assert perplexities["Q4_0"] > perplexities["BF16"] * 0.99
    assert perplexities["Q2_K"] > max(perplexities["Q4_0"], perplexities["Q8_0"]) * 1.01


def test_answers_of_q8_0_part_from_those_of_bf16_less_often_than_those_of_q2_k(
    guide: Callable[[str], Path], exam: Exam, tmp_path: Path
) -> None:
    random_order = random.Random(2)
    questions = [
        question.text
        for section in exam.sections.values()
        for question in random_order.sample(section, QUESTIONS_OF_A_SECTION)
    ]
    kinds = ("BF16", "Q8_0", "Q2_K")
    control = JobControl(CancelToken(), lambda event: None)
    parted = dict.fromkeys(kinds, 0)
    keeper = Keeper(tmp_path / "nibble.db")
    with Comparison([guide(kind) for kind in kinds], greedy(24), keeper) as comparison:
        for question in questions:
            exact, *others = comparison.ask(question, control)
            for kind, other in zip(kinds[1:], others, strict=True):
                parted[kind] += first_difference(exact.text, other.text) is not None
            for index in range(len(kinds)):
                comparison.set_conversation(index, [])
    assert parted["Q8_0"] <= len(questions) // 8
    assert parted["Q8_0"] < parted["Q2_K"]
