"""Probabilities told with an answer are those the model gives, as scoring the same text and NumPy say."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from app.core.errors import WrongChoice
from app.runtime import Generation, LoadedModel, LoadSettings, Sampling
from app.runtime.protocol import Piece, TokenChoice
from tests.helpers.answers import ask, greedy, talk
from tests.helpers.reference import chatml, logits, tokenize

QUESTION = "What is a KV cache?"
TOLERANCE = 2e-3
"""Of a logarithm of a probability. The same tokens one by one and all at once differ in the last digits of
their half-precision cache; a tenth of a per cent is far below what anyone reads off them."""


@pytest.fixture(scope="module")
def trained(guide: Callable[[str], Path]) -> Iterator[LoadedModel]:
    with LoadedModel.load(guide("BF16"), LoadSettings(context_length=512, threads=1)) as loaded:
        yield loaded


def answered(model: LoadedModel, prompt: str, sampling: Sampling, top: int) -> tuple[list[Piece], Generation]:
    *before, last = model.generate(talk(prompt), sampling, top_probabilities=top)
    assert isinstance(last, Generation)
    return [event for event in before if isinstance(event, Piece)], last


def text_of(choices: tuple[TokenChoice, ...]) -> str:
    return b"".join(choice.chosen.text for choice in choices).decode()


def test_chosen_tokens_are_as_probable_as_scoring_the_same_text_says(trained: LoadedModel) -> None:
    sampling = Sampling(seed=3, temperature=1.3, max_tokens=40)
    prompt = f"<|user|>{QUESTION}<|end|><|assistant|>"
    _, answer = answered(trained, QUESTION, sampling, 1)
    scores = trained.score(prompt + answer.text, parse_special=True)
    tokens = [choice.chosen.token for choice in answer.probabilities]
    # A model may spell its answer in other tokens than the tokenizer; up to there they are the same.
    count = next(
        (
            index
            for index, pair in enumerate(zip(tokens, scores.tokens[-len(tokens) :], strict=True))
            if pair[0] != pair[1]
        ),
        len(tokens),
    )
    assert len(scores.tokens) == answer.statistics.prompt_tokens + len(tokens)
    assert count > 20
    expected = scores.log_probabilities[-len(tokens) :][:count]
    found = [choice.chosen.log_probability for choice in answer.probabilities][:count]
    assert found == pytest.approx(expected, abs=TOLERANCE)


def test_likeliest_tokens_are_those_of_numpy_s_softmax_of_the_logits(model: LoadedModel, tiny: Path) -> None:
    _, answer = answered(model, "hello", Sampling(seed=5, temperature=2.0, max_tokens=12), 20)
    ((*prompt,),) = tokenize(tiny, chatml(talk("hello")))
    chosen = [choice.chosen.token for choice in answer.probabilities]
    rows = np.array(logits(tiny, [*prompt, *chosen]))[len(prompt) - 1 : -1]
    expected = rows - np.log(np.exp(rows - rows.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
    expected -= rows.max(axis=1, keepdims=True)
    for choice, row in zip(answer.probabilities, expected, strict=True):
        told = [each.log_probability for each in choice.likeliest]
        assert told == pytest.approx(sorted(row, reverse=True)[:20], abs=0.02)
        assert told == sorted(told, reverse=True)
        for each in (choice.chosen, *choice.likeliest):
            assert each.log_probability == pytest.approx(row[each.token], abs=0.02)
        assert len({each.token for each in choice.likeliest}) == 20
        assert sum(math.exp(value) for value in told) <= 1 + 1e-9


@pytest.mark.parametrize(
    "settings", [{"repeat_penalty": 1.5}, {"grammar": 'root ::= "The" .*'}, {"top_k": 1}]
)
def test_they_are_the_model_s_before_any_sampler(trained: LoadedModel, settings: dict[str, object]) -> None:
    trained.score("x")  # empties the cache: the last token alone gives logits with other last digits
    _, plain = answered(trained, QUESTION, greedy(1), 5)
    trained.score("x")
    sampling = Sampling(seed=1, temperature=1.5, max_tokens=1, **settings)  # type: ignore[arg-type]
    _, bent = answered(trained, QUESTION, sampling, 5)
    assert bent.probabilities[0].likeliest == plain.probabilities[0].likeliest


def test_greedy_answer_is_made_of_the_likeliest(trained: LoadedModel) -> None:
    _, answer = answered(trained, QUESTION, greedy(30), 3)
    assert len(answer.probabilities) == 30
    assert all(choice.chosen == choice.likeliest[0] for choice in answer.probabilities)
    assert all(len(choice.likeliest) == 3 for choice in answer.probabilities)


def test_pieces_have_the_tokens_of_their_text(trained: LoadedModel) -> None:
    pieces, answer = answered(trained, QUESTION, greedy(60), 1)
    assert tuple(choice for piece in pieces for choice in piece.probabilities) == answer.probabilities
    assert text_of(answer.probabilities) == answer.text
    for piece in pieces[:-1]:
        assert text_of(piece.probabilities).startswith(piece.text) or len(piece.text) < 2


def test_tokens_from_a_stop_string_on_are_not_told(trained: LoadedModel) -> None:
    _, whole = answered(trained, QUESTION, greedy(60), 1)
    begins = [0]
    for choice in whole.probabilities:
        begins.append(begins[-1] + len(choice.chosen.text.decode()))
    stop = whole.text[begins[10] : begins[13]]
    _, cut = answered(trained, QUESTION, greedy(60, stop=(stop,)), 1)
    assert cut.text == whole.text[: begins[10]]
    assert cut.probabilities == whole.probabilities[:10]


def test_bytes_of_characters_cut_by_tokens_join_to_the_answer(model: LoadedModel) -> None:
    _, answer = answered(model, "hello", greedy(60), 1)
    assert text_of(answer.probabilities) == answer.text


def test_none_are_told_where_none_are_asked(trained: LoadedModel) -> None:
    pieces, answer = answered(trained, QUESTION, greedy(20), 0)
    assert answer.probabilities == ()
    assert all(piece.probabilities == () for piece in pieces)


@pytest.mark.parametrize("top", [-1, 21, 2**70])
def test_impossible_count_is_refused(trained: LoadedModel, top: int) -> None:
    with pytest.raises(WrongChoice, match="top_probabilities"):
        answered(trained, QUESTION, greedy(5), top)
    assert ask(trained, QUESTION, greedy(5)).statistics.tokens == 5
