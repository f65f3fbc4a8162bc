"""An answer ends before the first stop string, which may begin and end in the middle of tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.runtime import LoadedModel, LoadSettings
from app.runtime.protocol import Piece
from tests.helpers.answers import ask, events, greedy, talk

QUESTION = "What is a KV cache?"


@pytest.fixture(scope="module")
def trained(guide: Callable[[str], Path]) -> Iterator[LoadedModel]:
    with LoadedModel.load(guide("Q8_0"), LoadSettings(context_length=512, threads=1)) as loaded:
        yield loaded


def test_answer_is_the_whole_one_up_to_any_part_of_it(trained: LoadedModel) -> None:
    whole = ask(trained, QUESTION, greedy(60)).text
    for start in range(1, 40, 3):
        stop = whole[start : start + 5]
        answer = ask(trained, QUESTION, greedy(60, stop=(stop, "never said")))
        assert answer.text == whole[: whole.index(stop)]
        assert answer.statistics.finish_reason == "stop"
        assert answer.statistics.tokens < 60


def test_pieces_never_show_what_the_answer_does_not_have(trained: LoadedModel) -> None:
    whole = ask(trained, QUESTION, greedy(60)).text
    stop = whole[30:42]
    *before, last = events(trained, QUESTION, greedy(60, stop=(stop,)))
    pieces = [event.text for event in before if isinstance(event, Piece)]
    assert "".join(pieces) == last.text == whole[:30]  # type: ignore[union-attr]
    assert all(pieces)


def test_stop_string_that_does_not_come_changes_nothing(trained: LoadedModel) -> None:
    free = ask(trained, QUESTION, greedy(200))
    assert free.statistics.finish_reason == "stop"
    almost = free.text[-3:] + "!"  # held back to the last
    assert ask(trained, QUESTION, greedy(200, stop=(almost,))).text == free.text


def test_stop_string_of_characters_that_are_several_tokens(tiny: Path, model: LoadedModel) -> None:
    whole = ask(model, "hello", greedy(100)).text
    odd = next(character for character in whole[1:] if ord(character) > 127)
    assert ask(model, "hello", greedy(100, stop=(odd,))).text == whole[: whole.index(odd)]


def test_conversation_goes_on_after_a_stop_string(trained: LoadedModel) -> None:
    whole = ask(trained, QUESTION, greedy(60)).text
    cut = ask(trained, QUESTION, greedy(60, stop=(whole[20:26],))).text
    goes_on = ask(trained, talk(QUESTION, cut, "Why?"), greedy(20))
    trained.score("x")  # empties the cache
    anew = ask(trained, talk(QUESTION, cut, "Why?"), greedy(20))
    assert goes_on.statistics.prompt_tokens == anew.statistics.prompt_tokens
    assert goes_on.text == anew.text
