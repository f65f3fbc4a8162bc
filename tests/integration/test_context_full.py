"""A conversation that outgrows the context is refused or goes on without its oldest turns, as was chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from app.core.errors import PromptTooLong
from app.runtime import ChatMessage, Generation, LoadedModel, LoadSettings
from app.runtime.protocol import PromptProgress
from tests.helpers.answers import ask, greedy, talk

CONTEXT = 512
SYSTEM = ChatMessage("system", "Be brief.")


@pytest.fixture(scope="module")
def model(tiny: Path) -> Iterator[LoadedModel]:
    with LoadedModel.load(tiny, LoadSettings(context_length=CONTEXT, threads=1)) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def other(tiny: Path) -> Iterator[LoadedModel]:
    """The same model, asked in full."""
    with LoadedModel.load(tiny, LoadSettings(context_length=CONTEXT, threads=1)) as loaded:
        yield loaded


def long_talk(turns: int) -> list[ChatMessage]:
    """So many questions with answers of some 60 tokens together, and a last question."""
    said = [f"Turn {turn // 2}: hello world hello" for turn in range(2 * turns)]
    return talk(*said, "And then?")


def go_on(
    model: LoadedModel, messages: Sequence[ChatMessage], max_tokens: int = 0
) -> tuple[Generation, list[PromptProgress]]:
    events = list(model.generate(messages, greedy(max_tokens), when_full="drop_oldest"))
    answer = events[-1]
    assert isinstance(answer, Generation)
    return answer, [event for event in events if isinstance(event, PromptProgress)]


def test_conversation_that_fits_with_room_for_an_answer_is_left_whole(model: LoadedModel) -> None:
    messages = [SYSTEM, *long_talk(4)]
    answer, progress = go_on(model, messages, 5)
    assert answer.statistics.dropped_messages == progress[0].dropped_messages == 0
    assert answer.text == ask(model, messages, greedy(5)).text


def test_oldest_turns_are_left_out_and_the_rest_is_answered_as_if_it_were_all(
    model: LoadedModel, other: LoadedModel
) -> None:
    messages = [SYSTEM, *long_talk(20)]
    answer, progress = go_on(model, messages)
    dropped = answer.statistics.dropped_messages
    assert dropped > 0
    assert dropped % 2 == 0  # a question goes with its answer
    assert {each.dropped_messages for each in progress} == {dropped}
    # The last turns, and the system prompt before them.
    rest = ask(other, [SYSTEM, *messages[1 + dropped :]], greedy())
    assert answer.text == rest.text
    assert answer.statistics.prompt_tokens == rest.statistics.prompt_tokens


@pytest.mark.parametrize(("max_tokens", "room"), [(0, CONTEXT // 4), (10, 10), (1000, CONTEXT // 4)])
def test_answer_has_room(model: LoadedModel, max_tokens: int, room: int) -> None:
    for turns in range(5, 14):
        statistics = go_on(model, long_talk(turns), max_tokens)[0].statistics
        assert statistics.prompt_tokens <= CONTEXT - room
        assert statistics.tokens >= room
        # No more is left out than makes that room, rounded up to quarters of the context and whole turns.
        if statistics.dropped_messages:
            assert statistics.prompt_tokens > CONTEXT - room - CONTEXT // 4 - 80


def test_answer_that_fills_the_context_ends_there(model: LoadedModel) -> None:
    statistics = go_on(model, long_talk(20))[0].statistics
    assert statistics.finish_reason == "context"
    assert statistics.prompt_tokens + statistics.tokens - 1 == CONTEXT


def test_conversation_that_goes_on_seldom_evaluates_more_than_what_is_new(model: LoadedModel) -> None:
    messages = [SYSTEM, *long_talk(0)]
    whole, dropped = 0, set()
    for turn in range(24):
        answer, _ = go_on(model, messages, 12)
        dropped.add(answer.statistics.dropped_messages)
        whole += answer.statistics.evaluated_tokens > answer.statistics.prompt_tokens / 2
        messages += [ChatMessage("assistant", answer.text), ChatMessage("user", f"Turn {turn}: hello world?")]
    assert len(dropped) > 2  # it outgrew the context several times
    assert whole <= len(dropped) < 24 / 3


def test_last_question_alone_may_take_the_room_of_the_answer_but_not_more(model: LoadedModel) -> None:
    words = "hello " * 130
    statistics = go_on(model, [SYSTEM, *long_talk(3)[:-1], ChatMessage("user", words)])[0].statistics
    assert statistics.dropped_messages == 6
    assert CONTEXT * 3 // 4 < statistics.prompt_tokens < CONTEXT
    with pytest.raises(PromptTooLong, match=str(CONTEXT)) as caught:
        go_on(model, [SYSTEM, *long_talk(3)[:-1], ChatMessage("user", "hello " * 200)])
    assert caught.value.hint


@pytest.mark.parametrize("place", [0, 2, 6])
def test_message_of_megabytes_is_left_out_like_any_other_or_refused(model: LoadedModel, place: int) -> None:
    messages = long_talk(3)
    messages[place] = ChatMessage("user", "漢" * 1_000_000)
    if place == 6:
        with pytest.raises(PromptTooLong, match="1,000"):
            go_on(model, messages, 5)
        return
    answer, _ = go_on(model, messages, 5)
    assert answer.statistics.tokens == 5
    assert answer.statistics.dropped_messages >= place + 2


def test_conversation_that_outgrows_the_context_is_refused_where_it_is_to_stop(model: LoadedModel) -> None:
    with pytest.raises(PromptTooLong, match=str(CONTEXT)) as caught:
        ask(model, long_talk(20), greedy(5))
    assert "left out" in caught.value.hint


def test_guide_remembers_who_it_is_when_its_first_turns_are_left_out(guide: Callable[[str], Path]) -> None:
    question = ChatMessage("user", "What is a KV cache?")
    with LoadedModel.load(guide("Q4_K_M"), LoadSettings(context_length=256, threads=1)) as loaded:
        alone = ask(loaded, [question], greedy(40))
        filler = talk(*["hello, I am here and I wait for the answer to what I ask"] * 40)
        answer, _ = go_on(loaded, [*filler, question], 40)
    assert answer.statistics.dropped_messages >= 20
    assert answer.text.split()[:3] == alone.text.split()[:3]
