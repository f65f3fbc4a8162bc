"""Titles: one line of plain words, whatever a person or a model wrote."""

from __future__ import annotations

import pytest

from app.chat.titles import first_words, title_of


@pytest.mark.parametrize(
    ("prompt", "title"),
    [
        ("Hello", "Hello"),
        ("Hi,\n\nhow do I boil an egg?", "Hi, how do I boil an egg?"),
        ("## **Sort** a [list](https://example.org) of `dates`", "Sort a list of dates"),
        ("```python\nprint(1)\n```\n\nWhat does this print?", "What does this print?"),
        ("> You said so.\n> Really.\n\nWhy is that?", "Why is that?"),
        ("> You said so.", "You said so."),
        ("~~~\n\n  print(1)\nprint(2)\n~~~", "print(1)"),
        ("1. wash\n2. rinse", "wash rinse"),
        ("    pasted with spaces before it", "pasted with spaces before it"),
        (
            "Please sort this list of dates. They are in many forms and some of them cannot be read.",
            "Please sort this list of dates",
        ),
        (
            "Could you tell me in detail how photosynthesis works, and why leaves are green?",
            "Could you tell me in detail how photosynthesis works, and…",
        ),
        ("日本の首都はどこですか、そして人口はどのくらいですか。詳しく教えてください。" * 2, None),
        ("x" * 300, "x" * 59 + "…"),
        ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
        ("\u202eturned\u202c\x07 \u200bround", "turned round"),
        ("👩‍💻 at work", "👩‍💻 at work"),
        ("\n \t\n", ""),
        ("![](x.png)", ""),
    ],
)
def test_first_words_are_what_was_asked(prompt: str, title: str | None) -> None:
    made = first_words(prompt)
    assert len(made) <= 60
    if title is not None:
        assert made == title


@pytest.mark.parametrize(
    "prompt", [">" * 5_000, "[" * 5_000, "*_" * 5_000, "- " * 3_000, "`" * 5_000, "\n" * 9_999]
)
def test_hostile_prompt_has_a_title_or_none(prompt: str) -> None:
    assert len(first_words(prompt)) <= 60


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Sorting a list of dates", "Sorting a list of dates"),
        ('"Sorting a List of Dates."', "Sorting a List of Dates"),
        ("**Title:** Sorting Dates", "Sorting Dates"),
        ("# Sorting Dates\n\nThis conversation is about", "Sorting Dates"),
        ("Here is a title:\n\n«Daten sortieren»", "Daten sortieren"),
        ("<think>\nThey want a title.\n</think>\n\nSorting Dates", "Sorting Dates"),
        ("<think>\nThey want", None),
        ("They want a title.</think>Sorting Dates", "Sorting Dates"),
        ("日付の並べ替え。", "日付の並べ替え。"),
        ("Is the sea salty?", "Is the sea salty?"),
        ("", None),
        ("...", None),
        ("Here is a title:", None),
        ("I am sorry, but " * 20, None),
        ("word " * 15, "word word word word word word word word word word…"),
        ("“Nested ‘quotes’ here”", "Nested ‘quotes’ here"),
    ],
)
def test_what_a_model_says_becomes_a_title_or_nothing(said: str, title: str | None) -> None:
    made = title_of(said)
    assert made == title
    assert made is None or len(made) <= 50
