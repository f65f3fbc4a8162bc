"""Measuring speed: what is counted, what stops it, and that it leaves nothing behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.errors import Cancelled, PromptTooLong
from app.core.jobs import CancelToken, JobControl
from app.measure import Rate, measure_speed
from app.runtime import LoadedModel, LoadSettings
from tests.helpers.answers import ask, greedy
from tests.helpers.command_line import nibble

SETTINGS = LoadSettings(context_length=512, threads=1)


@pytest.fixture
def control() -> JobControl:
    return JobControl(CancelToken(), lambda event: None)


@pytest.fixture(scope="module")
def slow(heavy: Path) -> Iterator[LoadedModel]:
    with LoadedModel.load(heavy, LoadSettings(context_length=4096, threads=1)) as loaded:
        yield loaded


def test_speed_is_of_as_many_repetitions_and_tokens_as_asked(model: LoadedModel, control: JobControl) -> None:
    start = time.perf_counter()
    speed = measure_speed(model, 40, 6, 3, control)
    elapsed = time.perf_counter() - start
    assert speed.prompt is not None
    assert speed.generate is not None
    assert len(speed.prompt.samples) == len(speed.generate.samples) == 3
    assert 0 < seconds(speed.prompt) + seconds(speed.generate) < elapsed


def test_speed_leaves_out_what_is_not_asked_for(model: LoadedModel, control: JobControl) -> None:
    assert measure_speed(model, 0, 4, 1, control).prompt is None
    assert measure_speed(model, 4, 0, 1, control).generate is None


def test_speed_of_a_prompt_of_several_batches(slow: LoadedModel, control: JobControl) -> None:
    prompt = measure_speed(slow, 1200, 0, 1, control).prompt
    assert prompt is not None
    assert prompt.tokens == 1200
    assert seconds(prompt) > 0


def test_longest_measurement_fills_the_context_and_one_more_token_is_refused(
    model: LoadedModel, control: JobControl
) -> None:
    room = model.description.context_length
    assert measure_speed(model, room, 0, 1, control).prompt is not None
    with pytest.raises(PromptTooLong, match="513"):
        measure_speed(model, room + 1, 0, 1, control)
    with pytest.raises(PromptTooLong, match="513"):
        measure_speed(model, 0, room + 1, 1, control)


def test_answer_after_measuring_is_the_same_as_before(model: LoadedModel, control: JobControl) -> None:
    before = ask(model, "hello world", greedy(12))
    measure_speed(model, 100, 10, 2, control)
    after = ask(model, "hello world", greedy(12))
    assert after.text == before.text
    assert after.statistics.evaluated_tokens == after.statistics.prompt_tokens


def test_measuring_stops_when_cancelled_and_the_model_still_answers(slow: LoadedModel) -> None:
    cancel = CancelToken()

    def stop_after_the_first(done: int, total: int) -> None:
        assert total == 2000
        cancel.cancel()

    with pytest.raises(Cancelled):
        slow.bench(
            prompt_tokens=64,
            generated_tokens=64,
            repetitions=1000,
            cancel=cancel,
            on_progress=stop_after_the_first,
        )
    assert ask(slow, "hello", greedy(3)).statistics.tokens == 3


def test_command_gives_both_speeds_with_their_spread(tiny: Path) -> None:
    arguments = ("--prompt", 32, "--generate", 8, "--repetitions", 2, "--threads", 1)
    document = nibble("bench", tiny, *arguments, "--json").document
    assert document["model"] == tiny.stem
    assert document["repetitions"] == 2
    for what, tokens in (("prompt", 32), ("generate", 8)):
        assert document[f"{what}_tokens"] == tokens
        samples = document[f"{what}_tokens_per_s_samples"]
        assert len(samples) == 2
        assert document[f"{what}_tokens_per_s"] == pytest.approx(sum(samples) / 2)
        assert document[f"{what}_tokens_per_s_stddev"] == pytest.approx(abs(samples[0] - samples[1]) / 2**0.5)
    told = nibble("bench", tiny, *arguments).out
    assert "32 tokens" in told
    assert "8 tokens" in told


def test_command_without_anything_to_measure_is_wrong_usage(tiny: Path) -> None:
    assert nibble("bench", tiny, "--prompt", 0, "--generate", 0).code == 2


def seconds(rate: Rate) -> float:
    """All repetitions together."""
    return sum(rate.tokens / each for each in rate.samples)
