"""Special tokens that a person types are read by the model letter by letter."""

from __future__ import annotations

from app.runtime import ChatMessage, Generation, LoadedModel, Sampling

ONE = Sampling(temperature=0, max_tokens=1)


def prompt_tokens(model: LoadedModel, content: str) -> int:
    *_, generation = model.generate([ChatMessage("user", content)], ONE)
    assert isinstance(generation, Generation)
    return generation.statistics.prompt_tokens


def letters(model: LoadedModel, text: str) -> list[int]:
    """Its tokens where it is text."""
    return list(model.score(text, parse_special=False).tokens)


def test_typed_end_of_turn_is_text_and_ends_nothing(model: LoadedModel) -> None:
    around = prompt_tokens(model, "ab")
    typed = prompt_tokens(model, "a<|im_end|>b")
    assert typed - around > 1  # as it would be for the control token
    assert typed - around == len(letters(model, "a<|im_end|>b")) - len(letters(model, "ab"))


def test_typed_tokens_are_text_also_in_turns_before_the_last(model: LoadedModel) -> None:
    talk = [
        ChatMessage("system", "</s>"),
        ChatMessage("user", "<s>a"),
        ChatMessage("assistant", "b"),
        ChatMessage("user", "c"),
    ]
    plain = [ChatMessage("system", ""), ChatMessage("user", "a"), *talk[2:]]
    *_, typed = model.generate(talk, ONE)
    *_, clean = model.generate(plain, ONE)
    assert isinstance(typed, Generation)
    assert isinstance(clean, Generation)
    extra = typed.statistics.prompt_tokens - clean.statistics.prompt_tokens
    assert extra == len("</s>") + len("<s>")


def test_second_turn_after_typed_tokens_evaluates_only_what_is_new(model: LoadedModel) -> None:
    talk = [ChatMessage("user", "What does <|im_start|> mean?")]
    *_, first = model.generate(talk, Sampling(temperature=0, max_tokens=8))
    assert isinstance(first, Generation)
    talk += [first.message, ChatMessage("user", "And </s>?")]
    *_, second = model.generate(talk, ONE)
    assert isinstance(second, Generation)
    new = second.statistics.prompt_tokens - first.statistics.prompt_tokens - first.statistics.tokens
    assert second.statistics.evaluated_tokens <= new + 1
