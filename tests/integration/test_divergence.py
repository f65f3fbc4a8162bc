"""How much two quantizations differ on the answer of one: by real workers, against their own probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.compare.divergence import divergence_figures
from app.core.errors import Cancelled, EnvironmentFault, OtherVocabulary, PromptTooLong
from app.core.jobs import CancelToken
from app.runtime import ChatMessage, Generation, LoadedModel, LoadSettings, Sampling

SETTINGS = LoadSettings(context_length=512, threads=1)
ASKED = [ChatMessage("user", "What is a KV cache?")]


@pytest.fixture(scope="module")
def q8(guide: Callable[[str], Path]) -> Iterator[LoadedModel]:
    with LoadedModel.load(guide("Q8_0"), SETTINGS) as model:
        yield model


@pytest.fixture(scope="module")
def q2(guide: Callable[[str], Path]) -> Iterator[LoadedModel]:
    with LoadedModel.load(guide("Q2_K"), SETTINGS) as model:
        yield model


def answer(model: LoadedModel, *, tokens: int = 60, top: int = 0) -> Generation:
    sampling = Sampling(temperature=0.0, max_tokens=tokens)
    *_, last = model.generate(ASKED, sampling, top_probabilities=top, tells_tokens=True)
    assert isinstance(last, Generation)
    return last


def test_the_conversation_comes_back_in_tokens(q8: LoadedModel) -> None:
    whole = answer(q8)
    count, prompt = whole.statistics.tokens, whole.statistics.prompt_tokens
    ended_itself = whole.statistics.finish_reason == "stop"
    assert len(whole.conversation) == prompt + count + ended_itself
    cut = answer(q8, tokens=3)
    assert cut.conversation == whole.conversation[: prompt + 3]


def test_one_model_twice_does_not_differ(q8: LoadedModel, tmp_path: Path) -> None:
    whole = answer(q8)
    start = whole.statistics.prompt_tokens
    vocabulary = q8.write_logits(whole.conversation, start, tmp_path / "logits")
    found = q8.diverge(whole.conversation, start, tmp_path / "logits", vocabulary)
    assert [each.kl_divergence for each in found] == [0.0] * (len(whole.conversation) - start)
    assert all(each.reference == each.other and each.same_top for each in found)


def test_places_and_probabilities_are_those_of_the_answer(
    q8: LoadedModel, q2: LoadedModel, tmp_path: Path
) -> None:
    whole = answer(q8, top=3)
    start, told = whole.statistics.prompt_tokens, whole.probabilities
    vocabulary = q8.write_logits(whole.conversation, start, tmp_path / "logits")
    assert (tmp_path / "logits").stat().st_size == (len(whole.conversation) - start) * 2048 * 4
    found = q2.diverge(whole.conversation, start, tmp_path / "logits", vocabulary, top=3)
    assert [each.token for each in found] == list(whole.conversation[start:])
    assert b"".join(each.text for each in found[: len(told)]).decode() == whole.text
    for here, choice in zip(found, told, strict=False):
        # Written one by one and all at once: not bit for bit the same sums.
        assert here.reference.log_probability == pytest.approx(choice.chosen.log_probability, abs=0.02)
        assert here.reference.likeliest[0].token == choice.likeliest[0].token
        assert here.reference.rank == 0  # greedy
        assert here.kl_divergence > 0
    figures = divergence_figures(found)
    expected = math.exp(-sum(each.other.log_probability for each in found) / len(found))
    assert figures.other_perplexity == pytest.approx(expected)
    assert figures.other_perplexity > figures.reference_perplexity


def test_progress_is_told(q8: LoadedModel, tmp_path: Path) -> None:
    whole = answer(q8)
    start, seen = whole.statistics.prompt_tokens, []
    vocabulary = q8.write_logits(
        whole.conversation, start, tmp_path / "logits", on_progress=lambda *each: seen.append(each)
    )
    q8.diverge(
        whole.conversation,
        start,
        tmp_path / "logits",
        vocabulary,
        on_progress=lambda *each: seen.append(each),
    )
    total = len(whole.conversation)
    assert seen[-1] == (total, total)
    assert seen.count((total, total)) == 2


def test_other_tokens_cannot_be_compared(q8: LoadedModel, tiny: Path, tmp_path: Path) -> None:
    whole = answer(q8)
    start = whole.statistics.prompt_tokens
    vocabulary = q8.write_logits(whole.conversation, start, tmp_path / "logits")
    with LoadedModel.load(tiny, SETTINGS) as other, pytest.raises(OtherVocabulary):
        other.diverge(whole.conversation, start, tmp_path / "logits", vocabulary)


def test_a_file_that_is_not_whole_is_a_fault(q8: LoadedModel, tmp_path: Path) -> None:
    whole = answer(q8)
    start, logits = whole.statistics.prompt_tokens, tmp_path / "logits"
    vocabulary = q8.write_logits(whole.conversation, start, logits)
    with logits.open("r+b") as file:
        file.truncate(logits.stat().st_size - 100)
    with pytest.raises(EnvironmentFault):
        q8.diverge(whole.conversation, start, logits, vocabulary)
    logits.unlink()
    with pytest.raises(EnvironmentFault):
        q8.diverge(whole.conversation, start, logits, vocabulary)


def test_a_conversation_longer_than_the_context_is_a_fault(q8: LoadedModel, tmp_path: Path) -> None:
    with pytest.raises(PromptTooLong):
        q8.write_logits([1] * 514, 500, tmp_path / "logits")
    q8.write_logits([1] * 513, 500, tmp_path / "logits")  # the last one is not evaluated


def test_it_can_be_stopped(q8: LoadedModel, tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        q8.write_logits([1] * 100, 50, tmp_path / "logits", cancel)


def test_chat_goes_on_as_if_nothing_had_been(q8: LoadedModel, tmp_path: Path) -> None:
    before = answer(q8)
    q8.write_logits(before.conversation, before.statistics.prompt_tokens, tmp_path / "logits")
    assert answer(q8).text == before.text
