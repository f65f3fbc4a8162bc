"""Prompts that nobody should send, in a real worker: answered, or refused with a sentence; the worker lives on."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import PromptTooLong, TemplateFault, WrongChoice
from app.runtime import ChatMessage, LoadedModel, LoadSettings
from tests.helpers.answers import ask, greedy
from tests.helpers.tiny_gguf import write_tiny_model

SETTINGS = LoadSettings(context_length=512, threads=1)

MEGABYTE = 1 << 20


@pytest.mark.parametrize("character", ["a", " ", "\0", "\n", "🦙", "𒀀", "\ud800", "<|im_end|>"], ids=ascii)
def test_megabyte_of_text_is_refused_at_once_and_the_next_prompt_answered(
    model: LoadedModel, character: str
) -> None:
    text = character * (MEGABYTE // len(character.encode("utf-8", "replace")))
    with pytest.raises(PromptTooLong, match="context holds 512 tokens") as caught:
        ask(model, text, greedy(1))
    assert caught.value.hint
    assert ask(model, "hello", greedy(2)).statistics.tokens == 2


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [ChatMessage("user", "")],
        [ChatMessage("system", "")],
        [ChatMessage("", "hello")],
        [ChatMessage("nobody\0", "hello")],
        [ChatMessage("user\ud800", "\udfff hello")],
        [ChatMessage("assistant", "I begin.")],
        [ChatMessage("user<|im_end|>", "hello")],
    ],
    ids=ascii,
)
def test_odd_conversation_is_answered(model: LoadedModel, messages: list[ChatMessage]) -> None:
    assert ask(model, messages, greedy(3)).statistics.tokens == 3


def test_template_that_makes_nothing_of_a_conversation_is_told_as_such(models: Path) -> None:
    path = write_tiny_model(models / "mute.gguf", chat_template="{# nothing #}", add_bos=False)
    with LoadedModel.load(path, SETTINGS) as mute:
        for _ in range(2):
            with pytest.raises(TemplateFault, match="nothing"):
                ask(mute, "hello", greedy(1))


def test_context_of_one_token_is_a_small_context_or_refused(tiny: Path) -> None:
    settings = LoadSettings(context_length=1, threads=1)
    with LoadedModel.load(tiny, settings) as small:
        room = small.description.context_length  # llama.cpp makes more of it
        if room > 64:
            answer = ask(small, "hello", greedy()).statistics
            assert answer.finish_reason == "context"
            assert answer.prompt_tokens + answer.tokens <= room + 1
        with pytest.raises(PromptTooLong):
            ask(small, "hello world " * room, greedy(1))


@pytest.mark.parametrize("seed", [2**32, 2**64 + 5, -1, -(2**70)])
def test_seed_of_any_size_decides_the_answer(model: LoadedModel, seed: int) -> None:
    first = ask(model, "hello", greedy(6, seed=seed))
    assert ask(model, "hello", greedy(6, seed=seed)).text == first.text
    assert 0 <= first.statistics.seed < 2**32


def test_more_tokens_than_any_context_holds_can_be_asked_for(model: LoadedModel) -> None:
    assert ask(model, "hello", greedy(2**31 - 1)).statistics.tokens >= 1


@pytest.mark.parametrize("tokens", [-1, -(2**63), 2**63 - 1])
def test_impossible_number_of_tokens_is_refused_with_the_possible_ones(
    model: LoadedModel, tokens: int
) -> None:
    with pytest.raises(WrongChoice, match="max_tokens") as caught:
        ask(model, "hello", greedy(tokens))
    assert caught.value.hint
