"""Models whose layers see only a window keep only that much, and their answers stay the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.runtime import ChatMessage, LoadedModel, LoadSettings
from tests.helpers.answers import ask, greedy
from tests.helpers.forgetful_models import write_windowed_model

SETTINGS = LoadSettings(context_length=4096, threads=1)


@pytest.fixture(scope="module")
def windowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_windowed_model(tmp_path_factory.mktemp("windowed") / "gemma.gguf")


@pytest.fixture
def model(windowed: Path) -> Iterator[LoadedModel]:
    with LoadedModel.load(windowed, SETTINGS) as loaded:
        yield loaded


@pytest.fixture
def fresh(windowed: Path) -> Iterator[LoadedModel]:
    with LoadedModel.load(windowed, SETTINGS) as loaded:
        yield loaded


def test_windowed_layers_keep_the_window_and_one_batch_and_the_others_all(model: LoadedModel) -> None:
    # 32 + 512 tokens padded to 768, in five layers; 4,096 in the sixth; 2 x 64 keys and values of 2 bytes.
    expected = (5 * 768 + 4096) * 2 * (2 * 64) * 2
    assert model.description.buffers.kv_cache_bytes == pytest.approx(expected, abs=2 * 5243)


def test_answer_after_a_change_far_back_is_that_of_a_model_asked_for_the_first_time(
    model: LoadedModel, fresh: LoadedModel
) -> None:
    start, long = "hello world " * 20, "is this the world that was " * 60
    ask(model, [ChatMessage("user", start + long)], greedy(8))
    changed = [ChatMessage("user", start + "you and I " + long)]
    again = ask(model, changed, greedy(40))
    assert again.statistics.prompt_tokens > 1000
    assert again.text == ask(fresh, changed, greedy(40)).text


def test_a_conversation_that_goes_on_reads_only_what_is_new(model: LoadedModel, fresh: LoadedModel) -> None:
    first = [ChatMessage("user", "is this the world that was " * 60)]
    answer = ask(model, first, greedy(40))
    second = [*first, ChatMessage("assistant", answer.text), ChatMessage("user", "hello")]
    went_on = ask(model, second, greedy(40))
    assert went_on.statistics.evaluated_tokens < went_on.statistics.prompt_tokens / 8
    assert went_on.text == ask(fresh, second, greedy(40)).text
