"""Shipped and own lists of prompts."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.compare.prompt_sets import (
    MOST_PROMPTS,
    ComparePrompt,
    PromptSet,
    pick,
    prompt_set_names,
    read_prompt_set,
    shipped_prompt_set,
)
from app.core.errors import EnvironmentFault, NotText, WrongContent


def test_every_kind_is_shipped() -> None:
    assert set(prompt_set_names()) == {
        "arithmetic",
        "code",
        "languages",
        "long_document",
        "names",
        "reasoning",
    }


@pytest.mark.parametrize("name", prompt_set_names())
def test_shipped_prompts_are_distinct_and_do_not_tell_their_answers(name: str) -> None:
    each = shipped_prompt_set(name)
    texts = [prompt.text for prompt in each.prompts]
    assert len(texts) == len(set(texts)) >= 7
    assert each.about
    if each.name == "arithmetic":
        assert not any(prompt.is_right(prompt.text) for prompt in each.prompts)


def test_a_fact_stands_where_it_should_in_a_long_document() -> None:
    documents = shipped_prompt_set("long_document")
    text = next(prompt.text for prompt in documents.prompts if "penguins" in prompt.text)
    assert 800 <= len(text.split()) <= 900
    assert text.index("1,318 penguins") < 0.2 * len(text)
    assert text.rstrip().endswith("How many penguins did the expedition count on the eastern shore?")


def test_an_answer_is_right_where_all_facts_are_there() -> None:
    prompt = ComparePrompt("?", (("1786", "1,786"), ("seven",)))
    assert prompt.is_right("It is 1,786, and Seven more.") is True
    assert prompt.is_right("It is 1,786.") is False
    assert ComparePrompt("?").is_right("anything") is None


def test_own_prompts_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes("Erste Frage?\r\n\r\n  Zweite, mit Ä?  \n".encode("utf-16"))
    found = read_prompt_set(path)
    assert [prompt.text for prompt in found.prompts] == ["Erste Frage?", "Zweite, mit Ä?"]
    assert found.title == "mine"


def test_own_prompts_with_facts(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('title = "Mine"\n[[prompt]]\ntext = "2 + 2?"\nfacts = [["4", "four"]]\n', "utf-8")
    found = read_prompt_set(path)
    assert found.title == "Mine"
    assert found.prompts[0].is_right("four")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "title = 3",
        "prompt = 3",
        "[[prompt]]\n",
        "[[prompt]]\ntext = 3",
        '[[prompt]]\ntext = " "',
        '[[prompt]]\ntext = "a"\nfacts = 3',
        '[[prompt]]\ntext = "a"\nfact = "b"',
        "[[prompt",
        "prompt = ['a']",
    ],
)
def test_what_is_no_list_of_prompts_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(EnvironmentFault):
        read_prompt_set(path)


def test_too_many_none_and_no_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("a\n" * (MOST_PROMPTS + 1), "utf-8")
    with pytest.raises(WrongContent):
        read_prompt_set(path)
    path.write_text(" \n\n", "utf-8")
    with pytest.raises(EnvironmentFault):
        read_prompt_set(path)
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(NotText):
        read_prompt_set(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("x = 1\n[[prompt]\n", "line 2"),
        ("prompt = 3", "no [[prompt]]"),
        ('[[prompt]]\ntext = "a"\n[[prompt]]\ntext = 3', "prompt 2 has no text"),
        ('[[prompt]]\ntext = "a"\nfacts = 3', "facts of prompt 1"),
        ('[[prompt]]\ntext = "a"\nfact = "b"', "fact of prompt 1"),
    ],
)
def test_a_bad_file_is_told_in_words(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(EnvironmentFault) as raised:
        read_prompt_set(path)
    assert words in raised.value.message
    assert "Attach" not in raised.value.hint


def test_some_of_several_lists() -> None:
    def of(name: str, count: int) -> PromptSet:
        return PromptSet(name, name, tuple(ComparePrompt(f"{name}{number}") for number in range(count)))

    sets = [of("a", 2), of("b", 9), of("c", 9)]
    assert [prompt.text for _, prompt in pick(sets, 8)] == ["a0", "a1", "b0", "b1", "b2", "c0", "c1", "c2"]
    assert len(pick(sets, 100)) == 20
    any_, again, other = pick(sets, 8, 1), pick(sets, 8, 1), pick(sets, 8, 2)
    assert any_ == again != other
    assert sorted(each.name for each, _ in any_) == list("aabbbccc")
